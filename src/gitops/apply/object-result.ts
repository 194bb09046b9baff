/** What carrying out a plan needs, and what comes of each object. */
import type { Client } from "../../client/client.ts";
import type { Clock } from "../../client/clock.ts";
import type { KubeObject } from "../../kube/object.ts";
import type { HookPhase } from "../plan/hooks.ts";
import type { ObjectRef } from "../plan/object-ref.ts";
import type { SyncOptions } from "../plan/sync-options.ts";

export interface ApplyOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly options: SyncOptions;
  readonly signal?: AbortSignal;
  /** Ask the API server, but change nothing. */
  readonly dryRun?: boolean;
  /** Is told of every write. */
  readonly observer?: WriteObserver;
}
export interface WriteObserver {
  wrote(ref: ObjectRef, live: KubeObject): void;
  /** `live`: the version that was asked to go. */
  removed(ref: ObjectRef, live: KubeObject): void;
}
/** Codes as in Argo CD's `syncResult.resources`; `Waiting` is for what goes on in a later look. */
export interface ObjectResult {
  readonly ref: ObjectRef;
  readonly status: "Synced" | "SyncFailed" | "Pruned" | "PruneSkipped" | "Waiting";
  readonly message: string;
  /** The object as the API server answered. */
  readonly live?: KubeObject;
  /** Of a hook: the phase that it ran in, and how far it is. */
  readonly syncPhase?: HookPhase;
  readonly hookPhase?: "Running" | "Succeeded" | "Failed";
}
