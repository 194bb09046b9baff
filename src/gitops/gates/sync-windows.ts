/**
 * Sync windows: recurring times in which syncs are allowed or denied. The rules are Argo CD's: no
 * window allows everything, an allow window allows nothing outside of it, deny beats allow. Pure.
 *
 * A window that cannot be read counts as closed for automation: a change freeze with a typing error
 * must not let changes through.
 */
import type { SyncWindow } from "../../kube/kinds/application.ts";
import { parseDuration } from "../duration.ts";
import { type Schedule, ScheduleError, scheduleOf } from "./schedule.ts";

/** Longer ones are a mistake in the unit, and a window that never closes needs no schedule. */
const MAX_DURATION_MS = 366 * 86_400_000;
/** Edges looked at to find when a gate turns: the answer is told to people, none is urgent. */
const MAX_EDGES = 300;
/** Of one Application, the Project's included; more are not looked at, and that is a problem. */
export const MAX_WINDOWS = 100;

export type Gate =
  | { readonly open: true; readonly closesAtMs?: number | undefined }
  | {
      readonly open: false;
      /** The windows that close it, in words. */
      readonly because: string;
      /** Undefined: not in the foreseeable future. */
      readonly opensAtMs?: number | undefined;
    };

export interface WindowState {
  /** For automated syncs of new revisions. */
  readonly sync: Gate;
  /** For syncs on request. */
  readonly manual: Gate;
  /** For undoing drift. */
  readonly selfHeal: Gate;
  /** When any of this can change. */
  readonly changesAtMs?: number | undefined;
  /** Windows that cannot be read, in words. */
  readonly problems: readonly string[];
}

/** A sync that is under way, whose policy may let it finish after its window has closed. */
export interface UnderWay {
  readonly startedAtMs: number;
  readonly manual: boolean;
}

interface Timed {
  readonly window: SyncWindow;
  readonly schedule: Schedule;
  readonly durationMs: number;
}
/** One window at one time. */
interface Phase {
  readonly timed: Timed;
  readonly window: SyncWindow;
  readonly active: boolean;
  /** When to look again; undefined: it stays so. */
  readonly untilMs: number | undefined;
}
interface Read {
  readonly timed: readonly Timed[];
  readonly problems: readonly string[];
}

const OPEN: Gate = { open: true };

/** What the windows say at a time, in milliseconds since the epoch. */
export function windowsAt(windows: readonly SyncWindow[], nowMs: number): WindowState {
  if (windows.length === 0) return { sync: OPEN, manual: OPEN, selfHeal: OPEN, problems: [] };
  const { timed, problems } = readWindows(windows);
  const now = phasesAt(timed, nowMs);
  const { turns, changesAtMs } = lookAhead(now);
  const gate = (rule: Rule): Gate => gateOf(now, rule, turns.get(rule));
  const broken: Gate | undefined =
    problems.length === 0 ? undefined : { open: false, because: problems.join("; ") };
  return {
    sync: broken ?? gate(syncOpen),
    manual: gate(manualOpen),
    selfHeal: broken ?? gate(selfHealOpen),
    changesAtMs,
    problems,
  };
}

/** Whether a sync under way may go on: rules of `syncOverrun` as Argo CD has them. */
export function mayGoOn(
  windows: readonly SyncWindow[],
  { startedAtMs, manual }: UnderWay,
  nowMs: number,
): boolean {
  const { timed } = readWindows(windows);
  const rule = manual ? manualOpen : syncOpen;
  const now = phasesAt(timed, nowMs);
  if (rule(now)) return true;
  if (!rule(phasesAt(timed, startedAtMs))) return false;
  const denying = active(now, "deny");
  const closing = denying.length > 0 ? denying : inactiveAllows(now);
  return closing.every((window) => window.syncOverrun === true);
}

type Judged = Pick<Phase, "window" | "active">;
type Rule = (phases: readonly Judged[]) => boolean;

const appliesToSync = ({ window }: Judged): boolean => window.appliesTo !== "selfHeal";

const syncOpen: Rule = (all) => isOpen(all.filter(appliesToSync));

const selfHealOpen: Rule = (all) =>
  syncOpen(all) && isOpen(all.filter((phase) => !appliesToSync(phase)));

const manualOpen: Rule = (all) => {
  const relevant = all.filter(appliesToSync);
  if (isOpen(relevant)) return true;
  const denying = active(relevant, "deny");
  const closing = denying.length > 0 ? denying : inactiveAllows(relevant);
  return closing.every((window) => window.manualSync === true);
};

function isOpen(all: readonly Judged[]): boolean {
  if (active(all, "deny").length > 0) return false;
  return active(all, "allow").length > 0 || inactiveAllows(all).length === 0;
}

const active = (all: readonly Judged[], kind: SyncWindow["kind"]): SyncWindow[] =>
  all.filter((phase) => phase.active && phase.window.kind === kind).map(({ window }) => window);

const inactiveAllows = (all: readonly Judged[]): SyncWindow[] =>
  all.filter((phase) => !phase.active && phase.window.kind === "allow").map(({ window }) => window);

function gateOf(now: readonly Phase[], rule: Rule, turnsAtMs: number | undefined): Gate {
  if (!rule(now)) return { open: false, because: closingWindows(now, rule), opensAtMs: turnsAtMs };
  return turnsAtMs === undefined ? OPEN : { open: true, closesAtMs: turnsAtMs };
}

/** When each rule will say something else, and when the first window opens or closes. */
function lookAhead(now: readonly Phase[]): {
  readonly turns: ReadonlyMap<Rule, number>;
  readonly changesAtMs: number | undefined;
} {
  const rules: readonly Rule[] = [syncOpen, manualOpen, selfHealOpen];
  const before = new Map(rules.map((rule) => [rule, rule(now)]));
  const turns = new Map<Rule, number>();
  let changesAtMs: number | undefined;
  let phases = now;
  for (let edge = 0; edge < MAX_EDGES && turns.size < rules.length; edge++) {
    const atMs = nextEdge(phases);
    if (atMs === undefined) return { turns, changesAtMs };
    phases = phases.map((phase) => (phase.untilMs === atMs ? phaseAt(phase.timed, atMs) : phase));
    if (phases.some((phase, index) => phase.active !== now[index]?.active)) changesAtMs ??= atMs;
    for (const rule of rules)
      if (!turns.has(rule) && rule(phases) !== before.get(rule)) turns.set(rule, atMs);
  }
  // Beyond this nothing was looked at: another look then.
  return { turns, changesAtMs: changesAtMs ?? nextEdge(phases) };
}

/** Those without which the gate would be open; where only several together close it, all of them. */
function closingWindows(now: readonly Judged[], rule: Rule): string {
  const denying = active(now, "deny").filter((window) => !rule([{ window, active: true }]));
  if (denying.length > 0) return denying.map(describeWindow).join("; ");
  const outside = inactiveAllows(now).filter((window) => !rule([{ window, active: false }]));
  return `outside of ${outside.map(describeWindow).join("; ")}`;
}

/** `deny 0 22 * * 1-5 for 8h in Europe/Berlin (night)`. */
export function describeWindow(window: SyncWindow): string {
  const { kind, schedule, duration, timeZone, appliesTo, description } = window;
  const zone = timeZone === undefined ? "UTC" : timeZone;
  const what = appliesTo === "selfHeal" ? `${kind} self-heal` : kind;
  return `${what} ${schedule} for ${duration} in ${zone}${description === undefined ? "" : ` (${description})`}`;
}

function readWindows(windows: readonly SyncWindow[]): Read {
  const timed: Timed[] = [];
  const problems: string[] = [];
  if (windows.length > MAX_WINDOWS)
    problems.push(`${windows.length} windows apply; no more than ${MAX_WINDOWS} are looked at`);
  for (const window of windows.slice(0, MAX_WINDOWS)) {
    try {
      timed.push(readWindow(window));
    } catch (error) {
      if (!(error instanceof ScheduleError)) throw error;
      problems.push(`${window.kind} window: ${error.message}`);
    }
  }
  return { timed, problems };
}

function readWindow(window: SyncWindow): Timed {
  const { schedule, duration, timeZone } = window;
  const durationMs = parseDuration(duration);
  if (durationMs === undefined || durationMs <= 0 || durationMs > MAX_DURATION_MS)
    throw new ScheduleError(
      `duration ${JSON.stringify(duration)} must be one as 30m, 8h or 1h30m, up to a year`,
    );
  return { window, durationMs, schedule: scheduleOf(schedule, timeZone) };
}

const phasesAt = (timed: readonly Timed[], atMs: number): Phase[] =>
  timed.map((entry) => phaseAt(entry, atMs));

/** Active from its start, inclusive, to its end, exclusive. */
function phaseAt(timed: Timed, atMs: number): Phase {
  const { window, schedule, durationMs } = timed;
  const startMs = schedule.startAfter(atMs - durationMs);
  const active = startMs !== undefined && startMs <= atMs;
  return { timed, window, active, untilMs: active ? startMs + durationMs : startMs };
}

function nextEdge(phases: readonly Phase[]): number | undefined {
  const edges = phases.map(({ untilMs }) => untilMs).filter((edge) => edge !== undefined);
  return edges.length === 0 ? undefined : Math.min(...edges);
}
