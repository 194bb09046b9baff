import type { Client } from "../../client/client.ts";
import type { Clock } from "../../client/clock.ts";
import type { Informers } from "../../client/informers.ts";
import type { Logger } from "../../client/logger.ts";
import type { ControllerOptions } from "../../client/reconciler.ts";

/** What every controller is made from. */
export interface ControllerContext {
  readonly client: Client;
  /** Controllers ask for theirs when they are made; whoever runs them starts the set. */
  readonly informers: Informers;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Aborts when the controllers stop. */
  readonly signal: AbortSignal;
}

/** A controller before it runs: its queue already hears of changes. */
export type Controller = Pick<ControllerOptions, "name" | "queue" | "workers" | "reconcile">;
