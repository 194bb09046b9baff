/**
 * Renders Applications with everything that it takes: programs, keys, variables of the cluster, and
 * what the destination serves. The operator, `git push`, `gantry diff` and `drift` share this.
 */
import type { Client } from "../client/client.ts";
import { type Clock, systemClock } from "../client/clock.ts";
import { type Logger, silentLogger } from "../client/logger.ts";
import type { Application } from "../kube/kinds/application.ts";
import { keyOf } from "../kube/object.ts";
import { DEFAULT_KUBERNETES_VERSION } from "./check/api-lifecycle.ts";
import { DecryptError } from "./decrypt/decrypt-error.ts";
import type { Decryptor } from "./decrypt/decryptor.ts";
import type { Decryptors } from "./decrypt/decryptors.ts";
import { type SecretReferences, secretReferences } from "./decrypt/references.ts";
import { withoutKeys } from "./decrypt/without-keys.ts";
import { variableRefs, variablesOf } from "./post-build-variables.ts";
import { OutputCache } from "./render/programs/output-cache.ts";
import { Programs } from "./render/programs/programs.ts";
import {
  type Checkout,
  renderApplication,
  type RenderedApplication,
} from "./render/render-application.ts";
import { RenderCache } from "./render/render-cache.ts";
import type { RenderEnvironment } from "./render/render-environment.ts";
import { observed, type StageObserver } from "./report/stage-metrics.ts";
import { type ValueRef, WatchedValues } from "./watched-values.ts";

export interface RendererOptions {
  /** The cluster that has the Applications and is their destination. Absent: offline. */
  readonly client?: Client;
  readonly programs?: Programs;
  /** Absent: what is encrypted is refused. */
  readonly decryptors?: Decryptors;
  /** Absent: what refers to something is refused. */
  readonly references?: SecretReferences;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Gets the keys of Applications whose variables or keys changed. */
  readonly onChange?: (applicationKeys: readonly string[]) => void;
  readonly observer?: StageObserver;
}

/** What the destination serves changes rarely; Helm charts may ask for it at every rendering. */
const CAPABILITIES_MAX_AGE_MS = 10_000;

const NO_REFERENCES = secretReferences();

export class ApplicationRenderer {
  readonly cache = new RenderCache();
  readonly programs: Programs;
  readonly #options: RendererOptions;
  readonly #outputs = new OutputCache();
  readonly #clock: Clock;
  readonly #values: WatchedValues | undefined;
  #apiVersions: { readonly atMs: number; readonly list: Promise<readonly string[]> } | undefined;

  constructor(options: RendererOptions = {}) {
    this.#options = options;
    this.programs = options.programs ?? new Programs();
    this.#clock = options.clock ?? systemClock;
    const { client, logger = silentLogger, onChange = () => undefined } = options;
    if (client !== undefined)
      this.#values = new WatchedValues({ client, clock: this.#clock, logger, onChange });
  }

  /** @throws SourceError */
  async render(
    application: Application,
    checkouts: readonly Checkout[],
    signal: AbortSignal,
  ): Promise<RenderedApplication> {
    const environment = await this.environmentOf(application);
    return await observed(
      this.#options.observer,
      "render",
      () => renderApplication({ application, checkouts, environment, signal }),
      ({ errors }) => (errors.length > 0 ? "failure" : "success"),
    );
  }

  /** @throws SourceError `missing-variables` */
  async environmentOf(application: Application): Promise<RenderEnvironment> {
    const refs = variableRefs(application);
    const keys = keyRefs(application);
    // The keys themselves are read by the decryptors: here it only matters when they change.
    const objects = await this.#values?.get(keyOf(application), [...refs, ...keys]);
    const variables = variablesOf(application, objects?.slice(0, refs.length) ?? []);
    const { references = NO_REFERENCES, observer } = this.#options;
    return {
      ...(observer === undefined ? {} : { observer }),
      cache: this.cache,
      outputs: this.#outputs,
      programs: this.programs,
      decryptor: await this.#decryptorOf(application),
      references,
      ...(variables === undefined ? {} : { variables }),
      kubeVersion: `${DEFAULT_KUBERNETES_VERSION}.0`,
      apiVersions: await this.#served(),
    };
  }

  forget(applicationKey: string): void {
    this.#values?.forget(applicationKey);
  }

  async stop(): Promise<void> {
    await this.#values?.stop();
  }

  async #decryptorOf(application: Application): Promise<Decryptor> {
    const { decryptors } = this.#options;
    if (decryptors === undefined) return withoutKeys;
    try {
      return await decryptors.of(application);
    } catch (error) {
      if (!(error instanceof DecryptError)) throw error;
      return missingKeys(error);
    }
  }

  /** `apps/v1` and `apps/v1/Deployment`, sorted: the order must not make a difference. */
  async #served(): Promise<readonly string[]> {
    const { client } = this.#options;
    if (client === undefined) return [];
    const nowMs = this.#clock.now();
    let known = this.#apiVersions;
    if (known === undefined || nowMs - known.atMs > CAPABILITIES_MAX_AGE_MS) {
      known = { atMs: nowMs, list: servedBy(client) };
      this.#apiVersions = known;
      known.list.catch(() => (this.#apiVersions = undefined));
    }
    return known.list;
  }
}

async function servedBy(client: Client): Promise<readonly string[]> {
  const versions = new Set<string>();
  for (const { group, version, kind } of await client.resources()) {
    const apiVersion = group === "" ? version : `${group}/${version}`;
    versions.add(apiVersion);
    versions.add(`${apiVersion}/${kind}`);
  }
  return [...versions].sort();
}

function keyRefs({ metadata, spec }: Application): ValueRef[] {
  const name = spec.decryption?.secretRef?.name;
  return name === undefined
    ? []
    : [{ kind: "Secret", namespace: metadata.namespace ?? "default", name }];
}

/** Keys that are named but cannot be had matter once something is encrypted, not before. */
function missingKeys(error: DecryptError): Decryptor {
  const explain = <T>(refused: Promise<T>): Promise<T> =>
    refused.catch((why: unknown) => {
      throw why instanceof DecryptError && why.code === "not-configured" ? error : why;
    });
  return {
    id: "missing",
    decryptFile: (path, bytes) => explain(withoutKeys.decryptFile(path, bytes)),
    decryptObject: (object) => explain(withoutKeys.decryptObject(object)),
  };
}
