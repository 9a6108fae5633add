import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Plugin } from "esbuild";

/** What stands in for a package that whatwg-url imports; the text is CommonJS, in the place of whatwg-url's own files. */
const standIns: Record<string, string> = {
  // the encodings of old documents (150 kB), which no workflow can ask for
  "@exodus/bytes/encoding.js": "",
  // the same rule for UTF-8 alone, by whatwg-url's own functions: a sixth off the time of a run's first URL
  "@exodus/bytes/whatwg.js": `
    const { isC0ControlPercentEncode, utf8PercentEncodeString } = require("./percent-encoding");
    exports.percentEncodeAfterEncoding = (encoding, text, extra) =>
      utf8PercentEncodeString(text, (byte) => isC0ControlPercentEncode(byte) || extra.includes(String.fromCharCode(byte)));`,
  // Unicode's tables of domain names (240 kB), which only a name that is not ASCII needs
  tr46: `
    const toASCII = core.lazily("toASCII", () => core.loadPart("domain-names"));
    exports.toASCII = (...given) => toASCII()(...given);`,
};

/** They look at `SharedArrayBuffer` when they are loaded, to tell it from an ArrayBuffer. The guest has none. */
const needsSharedBuffers = /[\\/](?:webidl-conversions[\\/]lib[\\/]index|whatwg-url[\\/]lib[\\/]utils)\.js$/;
const sharedBuffers =
  "const SharedArrayBuffer = class { get byteLength() { throw new TypeError(); } get growable() { throw new TypeError(); } };";

const urlEncoding = `
  const { decodeUtf8, encodeUtf8 } = require(${JSON.stringify(join(import.meta.dirname, "guest/utf8.ts"))});
  exports.utf8Encode = (text) => encodeUtf8(text);
  exports.utf8DecodeWithoutBOM = (bytes) => decodeUtf8(bytes, false, true);`;

/** An esbuild plugin that makes the guest's libraries fit: small, cheap to load, and without what the guest has not. */
export function preludeLibraries(): Plugin {
  return {
    name: "prelude-libraries",
    setup(setup) {
      setup.onResolve({ filter: /^(?:@exodus\/bytes\/|tr46$)/ }, ({ path, importer, resolveDir }) => {
        if (!/[\\/]whatwg-url[\\/]/.test(importer)) return undefined;
        if (standIns[path] === undefined) return { errors: [{ text: `${path} is new: it needs a stand-in, or not` }] };
        return { path, namespace: "stand-in", pluginData: resolveDir };
      });
      setup.onLoad({ filter: /.*/, namespace: "stand-in" }, ({ path, pluginData }) => ({
        contents: standIns[path] ?? "",
        resolveDir: pluginData,
      }));
      setup.onLoad({ filter: needsSharedBuffers }, async ({ path }) => ({
        contents: sharedBuffers + (await readFile(path, "utf8")),
      }));
      // made ahead of a run, it must not touch the run's own globals
      setup.onLoad({ filter: /[\\/]whatwg-url[\\/]lib[\\/]encoding\.js$/ }, () => ({ contents: urlEncoding }));
      // V8 reads JSON much faster than the same text as a program
      setup.onLoad({ filter: /[\\/]tr46[\\/]lib[\\/]mappingTable\.json$/ }, async ({ path }) => ({
        contents: `module.exports = JSON.parse(${JSON.stringify(await readFile(path, "utf8"))});`,
      }));
    },
  };
}
