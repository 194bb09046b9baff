/**
 * What nobody caught is a defect, after which no part of a server can be relied on: it is logged,
 * what can be stopped is stopped, and the process ends. It never goes on half alive.
 */
import type { Logger } from "../client/logger.ts";
import { EXIT } from "./context.ts";

/** Longer than pods have to end by default; a stop that hangs is part of the defect. */
const STOP_DEADLINE_MS = 40_000;

/** Call once per process. `stop` is called at most once. */
export function endOnDefect(logger: Logger, stop: () => Promise<void>): void {
  let isEnding = false;
  const end = (): never => process.exit(EXIT.failed);
  const onDefect = (error: unknown): void => {
    logger.error({ err: error }, "an unexpected error, please report it; gantry ends");
    if (isEnding) return;
    isEnding = true;
    setTimeout(end, STOP_DEADLINE_MS);
    stop().then(end, (failure: unknown) => {
      logger.error({ err: failure }, "stopping failed as well");
      end();
    });
  };
  process.on("uncaughtException", onDefect);
  process.on("unhandledRejection", onDefect);
}
