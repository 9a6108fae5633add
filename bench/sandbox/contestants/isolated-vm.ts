import ivm from "isolated-vm";
import { answerTo, checkoutModule, checkResult, inputOf } from "../job.ts";
import { pacedAnswers, serve } from "../serve.ts";

/**
 * isolated-vm in the engine's own process, by its asynchronous functions, as its README shows: a `Reference` to the host's
 * function, promises across the border by `result: { promise: true }`. Its time limit ends with the first `await`.
 */
const { script } = await checkoutModule();
const source = `${script};
(async (hostCall, input) => {
  const terms = { arguments: { copy: true }, result: { promise: true, copy: true } };
  const fetch = (accountId, request) => hostCall.apply(undefined, ["stripe.fetch", { accountId, request }], terms);
  return globalThis.__workflow({ ...input, utils: { integrations: { stripe: { fetch } } } });
})`;
const memoryLimit = 32;
const timeout = 500;
let made = 0;

async function runIn(isolate: ivm.Isolate, compiled: ivm.Script): Promise<void> {
  made += 1;
  const n = made;
  const context = await isolate.createContext();
  const host = new ivm.Reference(async (_name: string, args: unknown) => answerTo(args));
  const begin: ivm.Reference = await compiled.run(context, { reference: true, timeout });
  const input = new ivm.ExternalCopy(inputOf(n)).copyInto({ release: true });
  const result: unknown = await begin.apply(undefined, [host, input], {
    result: { promise: true, copy: true },
    timeout,
  });
  checkResult(n, result);
  begin.release();
  host.release();
  context.release();
}

const warmIsolate = new ivm.Isolate({ memoryLimit });
const warmScript = await warmIsolate.compileScript(source);

async function inNewIsolate(): Promise<void> {
  const isolate = new ivm.Isolate({ memoryLimit });
  await runIn(isolate, await isolate.compileScript(source));
  isolate.dispose();
}

serve(pacedAnswers(() => runIn(warmIsolate, warmScript), inNewIsolate));
