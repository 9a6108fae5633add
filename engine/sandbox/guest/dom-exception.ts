let made: ReturnType<typeof makeClass> | undefined;

/** The guest's `DOMException`: an Error with a name of the web platform's, and the number that some of them have. */
export function domExceptionClass() {
  made ??= makeClass();
  return made;
}

/** An error of the web platform, such as `AbortError`. */
export function domException(message: string, name: string): Error {
  return new (domExceptionClass())(message, name);
}

/** https://webidl.spec.whatwg.org/#idl-DOMException */
function makeClass() {
  return class DOMException extends Error {
    readonly code: number;

    constructor(message: unknown = "", options: unknown = "Error") {
      const given = typeof options === "object" && options !== null ? options : { name: options };
      super(`${message}`, "cause" in given ? { cause: given.cause } : undefined);
      const name = "name" in given ? `${given.name}` : "Error";
      Object.defineProperty(this, "name", { value: name, configurable: true });
      this.code = legacyCode(name);
      Object.defineProperty(this, "code", { enumerable: false, writable: false });
    }

    get [Symbol.toStringTag](): string {
      return "DOMException";
    }
  };
}

/** https://webidl.spec.whatwg.org/#idl-DOMException-error-names */
function legacyCode(name: string): number {
  const names =
    " IndexSize  HierarchyRequest WrongDocument InvalidCharacter  NoModificationAllowed NotFound NotSupported " +
    "InUseAttribute InvalidState Syntax InvalidModification Namespace InvalidAccess  TypeMismatch Security Network " +
    "Abort URLMismatch QuotaExceeded Timeout InvalidNodeType DataClone";
  return Math.max(0, names.split(" ").indexOf(name.replace(/Error$/, "")));
}
