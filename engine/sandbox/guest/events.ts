/**
 * The DOM standard's `Event` and `EventTarget`, as far as they have a meaning without a tree: what AbortSignal is made of.
 * Home-made because the packages that there are (event-target-shim and its kin) carry React Native's and old browsers' ways
 * along, in twenty times the text, which would be parsed by every run that uses `fetch`.
 */
import type { Core } from "./parts.ts";

declare const core: Core;
const { elapsedMs } = core;

type EventInit = { bubbles?: boolean; cancelable?: boolean };
type Callback = ((event: Event) => unknown) | { handleEvent(event: Event): unknown };
type Options = boolean | { once?: boolean; capture?: boolean; signal?: EventTarget & { aborted: boolean } } | undefined;
type Listener = { type: string; callback: Callback; capture: boolean; once: boolean; removed: boolean };

/** https://dom.spec.whatwg.org/#interface-event */
export class Event {
  readonly type: string;
  readonly bubbles: boolean;
  readonly cancelable: boolean;
  readonly composed = false;
  readonly isTrusted = false;
  readonly eventPhase = 0;
  readonly timeStamp = elapsedMs();
  #target: EventTarget | null = null;
  #prevented = false;
  #stopped = false;

  constructor(type: unknown, { bubbles = false, cancelable = false }: EventInit = {}) {
    this.type = `${type}`;
    this.bubbles = bubbles === true;
    this.cancelable = cancelable === true;
  }

  get target(): EventTarget | null {
    return this.#target;
  }

  get currentTarget(): EventTarget | null {
    return this.#target;
  }

  get defaultPrevented(): boolean {
    return this.#prevented;
  }

  preventDefault(): void {
    if (this.cancelable) this.#prevented = true;
  }

  stopPropagation(): void {}

  stopImmediatePropagation(): void {
    this.#stopped = true;
  }

  composedPath(): EventTarget[] {
    return this.#target === null ? [] : [this.#target];
  }

  /** Not part of the standard: what a target does to its events. Whether the default was not prevented. */
  static dispatch(event: Event, target: EventTarget, listeners: readonly Listener[]): boolean {
    event.#target = target;
    event.#stopped = false;
    for (const listener of listeners) {
      if (event.#stopped) break;
      if (!listener.removed) tell(listener, event, target);
    }
    return !event.#prevented;
  }
}

const { dispatch } = Event;
Reflect.deleteProperty(Event, "dispatch");

/** What a listener throws ends nothing: it is logged, as any rejection that nobody listens to. */
function tell(listener: Listener, event: Event, target: EventTarget): void {
  const { callback } = listener;
  if (listener.once) target.removeEventListener(listener.type, callback, listener.capture);
  try {
    if (typeof callback === "function") Reflect.apply(callback, target, [event]);
    else callback.handleEvent(event);
  } catch (error) {
    void Promise.reject(error);
  }
}

/** https://dom.spec.whatwg.org/#interface-eventtarget */
export class EventTarget {
  #listeners: Listener[] = [];

  addEventListener(type: unknown, callback: Callback | null, options?: Options): void {
    if (callback === null || callback === undefined) return;
    const { once = false, capture = false, signal } = typeof options === "object" ? options : { capture: options };
    if (signal?.aborted) return;
    const name = `${type}`;
    if (this.#find(name, callback, capture === true) !== undefined) return;
    this.#listeners.push({ type: name, callback, capture: capture === true, once: once === true, removed: false });
    signal?.addEventListener("abort", () => this.removeEventListener(name, callback, options));
  }

  removeEventListener(type: unknown, callback: Callback | null, options?: Options): void {
    const capture = typeof options === "object" ? options.capture === true : options === true;
    const found = this.#find(`${type}`, callback, capture);
    if (found === undefined) return;
    found.removed = true;
    this.#listeners = this.#listeners.filter((listener) => listener !== found);
  }

  dispatchEvent(event: unknown): boolean {
    if (!(event instanceof Event)) throw new TypeError("dispatchEvent takes an Event");
    const { type } = event;
    return dispatch(
      event,
      this,
      this.#listeners.filter((listener) => listener.type === type),
    );
  }

  #find(type: string, callback: Callback | null, capture: boolean): Listener | undefined {
    return this.#listeners.find(
      (listener) => listener.type === type && listener.callback === callback && listener.capture === capture,
    );
  }
}
