/** What a health rule may know besides the object itself. Everything is optional. */
import type { Pod } from "kubernetes-types/core/v1";
import type { StorageClass } from "kubernetes-types/storage/v1";
import type { KubeObject, Live } from "../../kube/object.ts";
import type { HealthRule } from "./health.ts";

export interface HealthContext {
  /** Rules of users, which come before the built-in ones. */
  readonly custom?: CustomHealthRules;
  /**
   * The pods that a workload runs in its newest revision. Without them a workload whose pods cannot
   * start is Progressing until its own controller gives up.
   */
  readonly podsOf?: (workload: KubeObject) => readonly Live<Pod>[];
  /** By name; the default class for undefined. Undefined: it is not known. */
  readonly storageClassOf?: (name: string | undefined) => Live<StorageClass> | undefined;
  /** For what counts only after a while. Without it nothing does. */
  readonly nowMs?: number;
}

/** Rules that users wrote, in CEL or Lua, already compiled. */
export interface CustomHealthRules {
  /** Undefined: nobody wrote one for this kind. */
  ruleFor(object: KubeObject): HealthRule | undefined;
}

export const NO_CONTEXT: HealthContext = {};
