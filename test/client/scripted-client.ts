import type {
  Client,
  ListOptions,
  ObjectList,
  WatchEvent,
  WatchOptions,
} from "../../src/client/client.ts";
import type { KubeObject } from "../../src/kube/object.ts";
import { StatusError } from "../../src/kube/status-error.ts";

type Step = { readonly event: WatchEvent } | { readonly end: true } | { readonly fail: unknown };

/** One open watch of a {@link ScriptedClient}: what the test makes the server say. */
export class ScriptedWatch {
  readonly options: WatchOptions;
  readonly #steps: Step[] = [];
  #wake: () => void = () => undefined;

  constructor(options: WatchOptions) {
    this.options = options;
  }
  send(event: WatchEvent): void {
    this.#push({ event });
  }
  end(): void {
    this.#push({ end: true });
  }
  fail(error: unknown): void {
    this.#push({ fail: error });
  }
  expire(): void {
    this.fail(StatusError.of("Expired", "too old resource version"));
  }
  #push(step: Step): void {
    this.#steps.push(step);
    this.#wake();
  }
  async *[Symbol.asyncIterator](): AsyncGenerator<WatchEvent> {
    const { signal } = this.options;
    const onAbort = (): void => this.#wake();
    signal?.addEventListener("abort", onAbort);
    try {
      while (signal?.aborted !== true) {
        const step = this.#steps.shift();
        if (step === undefined) {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        } else if ("event" in step) yield step.event;
        else if ("fail" in step) throw step.fail;
        else return;
      }
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }
}

const unused = (): never => {
  throw new Error("the script has no answer to this call");
};

/** Lists and watches as scripted; every other call fails. */
export class ScriptedClient implements Client {
  readonly lists: (ObjectList | Error)[] = [];
  readonly listCalls: ListOptions[] = [];
  readonly watches: ScriptedWatch[] = [];
  #onWatch: (() => void)[] = [];

  /** The nth watch (from 0), once the informer has opened it. */
  async watched(index: number): Promise<ScriptedWatch> {
    for (;;) {
      const watch = this.watches[index];
      if (watch !== undefined) return watch;
      await new Promise<void>((resolve) => this.#onWatch.push(resolve));
    }
  }
  list = <T extends KubeObject>(_: unknown, options: ListOptions = {}): Promise<ObjectList<T>> => {
    this.listCalls.push(options);
    const list = this.lists.shift();
    if (list === undefined) throw new Error("no list was scripted");
    return list instanceof Error ? Promise.reject(list) : Promise.resolve(list as ObjectList<T>);
  };
  watch = <T extends KubeObject>(
    _: unknown,
    options: WatchOptions,
  ): AsyncIterable<WatchEvent<T>> => {
    const watch = new ScriptedWatch(options);
    this.watches.push(watch);
    for (const wake of this.#onWatch.splice(0)) wake();
    return watch as AsyncIterable<WatchEvent<T>>;
  };
  resourceFor = unused;
  resources = unused;
  get = unused;
  create = unused;
  update = unused;
  patch = unused;
  delete = unused;
  deleteCollection = unused;
  logs = unused;
}
