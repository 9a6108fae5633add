import { getQuickJS, type QuickJSContext, type QuickJSRuntime, shouldInterruptAfterDeadline } from "quickjs-emscripten";
import { answerTo, checkoutModule, checkResult, inputOf } from "../job.ts";
import { pacedAnswers, serve } from "../serve.ts";

/** QuickJS in WebAssembly, in the engine's own process: a new context for each run, in one runtime or in a new one. */
const { script } = await checkoutModule();
const source = `${script};
(async (hostCall, text) => {
  const fetch = async (accountId, request) =>
    JSON.parse(await hostCall("stripe.fetch", JSON.stringify({ accountId, request })));
  const input = { ...JSON.parse(text), utils: { integrations: { stripe: { fetch } } } };
  return JSON.stringify(await globalThis.__workflow(input));
})`;
const quickjs = await getQuickJS();
let made = 0;

function newRuntime(): QuickJSRuntime {
  const runtime = quickjs.newRuntime();
  runtime.setMemoryLimit(32 << 20);
  return runtime;
}

async function runIn(runtime: QuickJSRuntime): Promise<void> {
  made += 1;
  const n = made;
  runtime.setInterruptHandler(shouldInterruptAfterDeadline(Date.now() + 500));
  const vm = runtime.newContext();
  const begin = vm.unwrapResult(vm.evalCode(source, "workflow.js"));
  const host = vm.newFunction("hostCall", (_name, args) => ask(vm, JSON.parse(vm.getString(args))));
  const input = vm.newString(JSON.stringify(inputOf(n)));
  const promise = vm.unwrapResult(vm.callFunction(begin, vm.undefined, host, input));
  const settled = vm.resolvePromise(promise);
  runtime.executePendingJobs();
  const result = vm.unwrapResult(await settled);
  checkResult(n, JSON.parse(vm.getString(result)));
  for (const handle of [result, promise, input, host, begin]) handle.dispose();
  vm.dispose();
}

/** A promise in the guest of what the host answers. */
function ask(vm: QuickJSContext, args: unknown) {
  const answer = vm.newPromise();
  void Promise.resolve(answerTo(args)).then((value) => {
    vm.newString(JSON.stringify(value)).consume((text) => answer.resolve(text));
    vm.runtime.executePendingJobs();
  });
  return answer.handle;
}

async function inNewRuntime(): Promise<void> {
  const runtime = newRuntime();
  await runIn(runtime);
  runtime.dispose();
}

const warmRuntime = newRuntime();
serve(pacedAnswers(() => runIn(warmRuntime), inNewRuntime));
