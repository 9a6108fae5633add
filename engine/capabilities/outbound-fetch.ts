import { fetchOutbound, OutboundError, OutboundRequest } from "../outbound.ts";
import { type Capability, CapabilityError, parseArguments } from "./call.ts";

/** `fetch`: reaches the environment's allowed origins. */
export const callFetch: Capability = ({ engine, environment, budgets }, args) => {
  const request = parseArguments(OutboundRequest, args, "fetch");
  const { responseBytes, wallMs } = budgets;
  const policy = { origins: environment.compiled.config.outboundOrigins, responseBytes, timeoutMs: wallMs };
  return fetchOutbound(engine.publicFetch, request, policy).catch((error: unknown) => {
    if (error instanceof OutboundError) throw new CapabilityError(`fetch failed: ${error.message}`);
    throw error;
  });
};
