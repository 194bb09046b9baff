/** `kubectl exec`: one more process in a container, connected to whoever asked for it. */
import type { ChildProcess } from "node:child_process";
import { constants } from "node:os";
import { PassThrough, type Readable } from "node:stream";
import type { Clock } from "../../../../client/clock.ts";
import type { ContainerStreams } from "../../../apiserver/node-connection.ts";
import { forShell } from "./launch.ts";
import { identify, isAlive, type ProcessIdentity, signal } from "./process-identity.ts";
import { spawnInContainer, type Surroundings } from "./spawn-in-container.ts";
import { insideOf, type Terminals } from "./terminal.ts";
import { TerminalSizes } from "./terminal-sizes.ts";

export interface StreamingExecPlan extends Surroundings {
  readonly argv: readonly [string, ...string[]];
  readonly env: ReadonlyMap<string, string>;
  readonly stdin: boolean;
  /** Runs in a terminal of its own. @default none */
  readonly terminals?: Terminals;
  readonly clock: Clock;
}

/** How long a process whose client is gone gets to end after its input did, before SIGHUP. */
const HANG_UP_AFTER_MS = 1_000;
/** And then before SIGKILL. */
const KILL_AFTER_MS = 3_000;
/** A process left in the background may keep the output open for ever: after the end, silence this long ends it. */
const LEFT_OPEN_MS = 100;

/** Rejects when the program cannot be started. */
export async function streamExec(plan: StreamingExecPlan): Promise<ContainerStreams> {
  const { clock, terminals } = plan;
  const isShell = plan.files !== undefined || terminals !== undefined;
  const plain = isShell
    ? forShell(plan.argv, plan.env)
    : { command: plan.argv, env: Object.fromEntries(plan.env) };
  const { command, env } = terminals?.wrap(plain.command, plain.env) ?? plain;
  // A terminal without a client that types is silent; its input does not end.
  const stdin = plan.stdin || terminals !== undefined ? "pipe" : "ignore";
  const child = spawnInContainer(command, env, plan, ["pipe", "pipe"], stdin);
  await started(child);
  const { pid = 0 } = child;
  // Input for a process that reads no more is dropped.
  child.stdin?.on("error", () => undefined);
  const main = terminals === undefined ? Promise.resolve(pid) : insideOf(pid, clock);
  const identity = main.then((of) => (of === undefined ? undefined : identify(of)));
  const exited = new Promise<number>((resolve) =>
    child.once("exit", (code, killedBy) => resolve(exitCodeOf(code, killedBy))),
  );
  const [stdout, stderr] = [
    untilSilent(child.stdout, exited, clock),
    untilSilent(child.stderr, exited, clock),
  ];
  if (terminals !== undefined) stderr.resume();
  let isClosed = false;
  const sizes = terminals === undefined ? undefined : new TerminalSizes(terminals, main);
  return {
    ...(plan.stdin && child.stdin !== null ? { stdin: child.stdin } : {}),
    stdout,
    ...(terminals === undefined ? { stderr } : {}),
    ended: exited,
    resize: (size) => sizes?.set(size),
    close() {
      if (isClosed) return;
      isClosed = true;
      child.stdin?.end();
      for (const output of [stdout, stderr]) output.destroy();
      void end(child, identity, clock, terminals !== undefined);
    },
  };
}

function started(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", reject);
  });
}

/** The client is gone: first the end of the input, then the signals of a closed terminal and of no choice. */
async function end(
  child: ChildProcess,
  identity: Promise<ProcessIdentity | undefined>,
  clock: Clock,
  hasTerminal: boolean,
): Promise<void> {
  const main = await identity;
  const exit = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const within = (delayMs: number): Promise<void> =>
    new Promise((resolve) => {
      const cancel = clock.after(delayMs, resolve);
      void exit.then(() => {
        cancel();
        resolve();
      });
    });
  const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null;
  // A terminal that is closed hangs up at once; a command may still be writing its last input.
  if (!hasTerminal && !isOver()) await within(HANG_UP_AFTER_MS);
  for (const [name, patienceMs] of [["SIGHUP", KILL_AFTER_MS] as const, ["SIGKILL", 0] as const]) {
    if (main !== undefined && (await isAlive(main))) signal(-main.pid, name);
    if (!isOver() && child.pid !== undefined && child.pid !== main?.pid)
      signal(child.pid, name === "SIGHUP" ? "SIGTERM" : name);
    if (!isOver() && patienceMs > 0) await within(patienceMs);
  }
}

/** The output, which ends with the pipe, or after the process when nothing more is in the pipe. */
function untilSilent(source: Readable | null, exited: Promise<number>, clock: Clock): PassThrough {
  const output = new PassThrough();
  if (source === null) return output.end();
  let readBytes = 0;
  source.on("data", (chunk: Buffer) => {
    readBytes += chunk.length;
  });
  source.pipe(output);
  source.on("error", () => output.end());
  output.on("close", () => source.destroy());
  const look = (before: number): void => {
    clock.after(LEFT_OPEN_MS, () => {
      if (source.destroyed || source.readableEnded) return;
      // A paused source may have more; one with room and nothing in it has none.
      if (readBytes !== before || source.readableLength > 0 || source.isPaused()) look(readBytes);
      else {
        source.unpipe(output);
        source.destroy();
        output.end();
      }
    });
  };
  void exited.then(() => look(-1));
  return output;
}

function exitCodeOf(code: number | null, killedBy: NodeJS.Signals | null): number {
  if (code !== null) return code;
  return 128 + (killedBy === null ? 0 : constants.signals[killedBy]);
}
