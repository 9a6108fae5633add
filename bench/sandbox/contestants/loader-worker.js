import { RpcTarget } from "cloudflare:workers";

/** The Worker in the engine's place: loads the workflow as a Worker of its own, and answers its call. */
export default {
  fetch(_request, env) {
    const { 0: client, 1: server } = new WebSocketPair();
    server.accept();
    server.addEventListener("message", ({ data }) => {
      const { kind, n, input } = JSON.parse(data);
      answer(env, kind, n, input).then(
        (result) => server.send(JSON.stringify({ result })),
        (error) => server.send(JSON.stringify({ error: String(error.stack ?? error) })),
      );
    });
    return new Response(null, { status: 101, webSocket: client });
  },
};

async function answer(env, kind, n, input) {
  if (kind === "echo") return null;
  const loaded = env.LOADER.get(kind === "warm" ? "warm" : `cold-${n}`, () => moduleOf(env.SCRIPT));
  return JSON.parse(await loaded.getEntrypoint().run(input, new Capabilities()));
}

function moduleOf(script) {
  const main = `import { WorkerEntrypoint } from "cloudflare:workers";
${script};
export default class extends WorkerEntrypoint {
  async run(text, host) {
    const fetch = (accountId, request) => host.call("stripe.fetch", { accountId, request });
    const input = { ...JSON.parse(text), utils: { integrations: { stripe: { fetch } } } };
    return JSON.stringify(await globalThis.__workflow(input));
  }
}`;
  return {
    compatibilityDate: "2026-10-01",
    mainModule: "main.js",
    modules: { "main.js": main },
    env: {},
    globalOutbound: null,
  };
}

class Capabilities extends RpcTarget {
  async call(_name, args) {
    const call = /"customer_email":"(reader-\d+)@.*"total":"22\.40 GBP"/.exec(JSON.stringify(args));
    if (!call) throw new Error(`the host was asked for something else: ${JSON.stringify(args)}`);
    const url = `https://checkout.example.com/${call[1]}`;
    return { ok: true, status: 200, headers: { "content-type": "application/json" }, body: { id: "cs_1", url } };
  }
}
