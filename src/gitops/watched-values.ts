/**
 * ConfigMaps and Secrets that Applications name: read once, then watched, however many Applications
 * name them; who names one is told when it changes.
 */
import type { Client } from "../client/client.ts";
import type { Clock } from "../client/clock.ts";
import { Informer } from "../client/informer.ts";
import type { Logger } from "../client/logger.ts";
import { configMaps } from "../kube/kinds/configmap.ts";
import { secrets } from "../kube/kinds/secret.ts";
import type { KubeObject } from "../kube/object.ts";

export interface ValueRef {
  readonly kind: "ConfigMap" | "Secret";
  readonly namespace: string;
  readonly name: string;
}

export interface WatchedValuesOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Gets the keys of the Applications that named what changed. */
  readonly onChange: (applicationKeys: readonly string[]) => void;
}

interface Watched {
  readonly informer: Informer;
  readonly users: Set<string>;
  readonly stop: () => Promise<void>;
}

export class WatchedValues {
  readonly #options: WatchedValuesOptions;
  readonly #watched = new Map<string, Watched>();
  readonly #wantedBy = new Map<string, ReadonlySet<string>>();

  constructor(options: WatchedValuesOptions) {
    this.#options = options;
  }

  /** The objects, undefined where there is none; what the Application named before is forgotten. */
  async get(
    applicationKey: string,
    refs: readonly ValueRef[],
  ): Promise<readonly (KubeObject | undefined)[]> {
    const wanted = new Set(refs.map(idOf));
    this.#release(applicationKey, wanted);
    if (wanted.size > 0) this.#wantedBy.set(applicationKey, wanted);
    return Promise.all(
      refs.map(async (ref) => {
        const { informer } = this.#watch(ref, applicationKey);
        await informer.synced;
        return informer.get(`${ref.namespace}/${ref.name}`);
      }),
    );
  }

  forget(applicationKey: string): void {
    this.#release(applicationKey, new Set());
  }

  async stop(): Promise<void> {
    const all = [...this.#watched.values()];
    this.#watched.clear();
    await Promise.all(all.map(({ stop }) => stop()));
  }

  #watch(ref: ValueRef, applicationKey: string): Watched {
    const id = idOf(ref);
    let watched = this.#watched.get(id);
    if (watched === undefined) {
      watched = this.#start(ref);
      this.#watched.set(id, watched);
    }
    watched.users.add(applicationKey);
    return watched;
  }

  #start({ kind, namespace, name }: ValueRef): Watched {
    const { client, clock, logger, onChange } = this.#options;
    const abort = new AbortController();
    const options = { namespace, fieldSelector: `metadata.name=${name}`, clock, logger };
    const informer: Informer =
      kind === "Secret"
        ? new Informer<KubeObject>(client, secrets, options)
        : new Informer<KubeObject>(client, configMaps, options);
    const users = new Set<string>();
    informer.onChange(() => {
      // What the first list brings is what the caller waits for.
      if (informer.hasSynced) onChange([...users]);
    });
    const running = informer.run(abort.signal);
    const stop = async (): Promise<void> => {
      abort.abort(new Error("nobody names it any longer"));
      await running;
    };
    return { informer, users, stop };
  }

  #release(applicationKey: string, wanted: ReadonlySet<string>): void {
    for (const id of this.#wantedBy.get(applicationKey) ?? []) {
      if (wanted.has(id)) continue;
      const watched = this.#watched.get(id);
      watched?.users.delete(applicationKey);
      if (watched === undefined || watched.users.size > 0) continue;
      this.#watched.delete(id);
      // It ends by its signal, which never fails.
      void watched.stop();
    }
    this.#wantedBy.delete(applicationKey);
  }
}

function idOf({ kind, namespace, name }: ValueRef): string {
  return `${kind}/${namespace}/${name}`;
}
