/** What rendering needs besides the tree: programs, keys, variables, and what the destination can do. */
import type { Decryptor } from "../decrypt/decryptor.ts";
import type { SecretReferences } from "../decrypt/references.ts";
import type { StageObserver } from "../report/stage-metrics.ts";
import type { OutputCache } from "./programs/output-cache.ts";
import type { Programs } from "./programs/programs.ts";
import type { RenderCache } from "./render-cache.ts";

export interface RenderEnvironment {
  /** What was read from files, shared by all who render. */
  readonly cache: RenderCache;
  /** What Kustomize and Helm made, by everything that it was made from. */
  readonly outputs: OutputCache;
  readonly programs: Programs;
  /** Absent: what is encrypted stays as it is written. */
  readonly decryptor?: Decryptor;
  /** Absent: references to values outside of the repository stay as they are written. */
  readonly references?: SecretReferences;
  /** Of this Application's `postBuild`. Absent: nothing is substituted. */
  readonly variables?: Variables;
  /** Of the destination, as `1.35.0`; what Helm charts see as `.Capabilities.KubeVersion`. */
  readonly kubeVersion: string;
  /** `apps/v1` and `apps/v1/Deployment`; what Helm charts see as `.Capabilities.APIVersions`. */
  readonly apiVersions: readonly string[];
  readonly observer?: StageObserver;
}

export interface Variables {
  /** Equal ids mean equal values, without revealing them; part of cache keys. */
  readonly id: string;
  readonly values: ReadonlyMap<string, string>;
}
