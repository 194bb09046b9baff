/**
 * The order of a sync: phases, in them waves, in them kinds. A plan and its hooks become a list of
 * steps; a step begins when all before it are complete. The rules are Argo CD's
 * (gitops-engine/pkg/sync/sync_context.go). Pure.
 */
import type { CustomResourceDefinition } from "../../kube/kinds/customresourcedefinition.ts";
import type { Desired, Unusable } from "./desired.ts";
import { HOOK_PHASES, type HookPhase } from "./hooks.ts";
import { compareForApply } from "./kind-order.ts";
import type { ObjectRef } from "./object-ref.ts";
import type { PlanEntry } from "./plan.ts";
import { objectOptions, type SyncOptions } from "./sync-options.ts";
import { waveOf } from "./sync-wave.ts";

/** One run of a hook: its object as it is made for this sync and phase. */
export interface HookRun {
  readonly phase: HookPhase;
  readonly desired: Desired;
}
export interface Step {
  readonly phase: HookPhase;
  readonly wave: number;
  /** In the plan's order. */
  readonly entries: readonly PlanEntry[];
  readonly hooks: readonly HookRun[];
}

interface Place {
  readonly phase: HookPhase;
  readonly wave: number;
}

/** `awaited`: objects of kinds that are yet to be served; they hold up what comes after them. */
export function stepsOf(
  entries: readonly PlanEntry[],
  hooks: readonly HookRun[],
  options: SyncOptions,
  awaited: readonly Unusable[] = [],
): Step[] {
  const waits = awaited.map(
    ({ ref, reason }): PlanEntry => ({ ref, action: "wait", reason, changes: [] }),
  );
  const waves = new Map(waits.map((entry, index) => [entry, awaited[index]?.wave ?? 0]));
  const isPrune = (entry: PlanEntry): boolean =>
    entry.desired === undefined && entry.live !== undefined;
  for (const entry of entries) if (!isPrune(entry)) waves.set(entry, entry.desired?.wave ?? 0);
  for (const [entry, wave] of pruneWaves(entries.filter(isPrune), [...waves.values()], options))
    waves.set(entry, wave);

  const steps = new StepList();
  const needed = neededBefore(waves, hooks);
  for (const hook of hooks)
    steps.at({ phase: hook.phase, wave: hook.desired.wave }).hooks.push(hook);
  for (const entry of [...entries, ...waits]) {
    const own: Place = { phase: "Sync", wave: waves.get(entry) ?? 0 };
    const earliest = isPrune(entry) ? undefined : needed(entry);
    steps
      .at(earliest !== undefined && compare(earliest, own) < 0 ? earliest : own)
      .entries.push(entry);
  }
  return steps.inOrder();
}

/**
 * Waves go backwards when objects are pruned: what was applied last goes first. `PruneLast` puts
 * all of them after everything else.
 */
function pruneWaves(
  pruned: readonly PlanEntry[],
  applied: readonly number[],
  options: SyncOptions,
): Map<PlanEntry, number> {
  const last = Math.max(0, ...applied) + 1;
  const found = new Map<PlanEntry, number>();
  const inWaves: (readonly [PlanEntry, number])[] = [];
  for (const entry of pruned) {
    const { live } = entry;
    if (live === undefined) continue;
    if (objectOptions(live, options).pruneLast) found.set(entry, last);
    else inWaves.push([entry, waveOf(live)]);
  }
  const waves = [...new Set(inWaves.map(([, wave]) => wave))].sort((a, b) => a - b);
  for (const [entry, wave] of inWaves)
    found.set(entry, waves[waves.length - 1 - waves.indexOf(wave)] ?? wave);
  return found;
}

/** For namespaces and definitions of kinds: the earliest place of what cannot do without them. */
function neededBefore(
  waves: ReadonlyMap<PlanEntry, number>,
  hooks: readonly HookRun[],
): (entry: PlanEntry) => Place | undefined {
  const earliest = new Map<string, Place>();
  const need = (what: string, place: Place): void => {
    const known = earliest.get(what);
    if (known === undefined || compare(place, known) < 0) earliest.set(what, place);
  };
  const needs = ({ group, kind, namespace }: ObjectRef, place: Place): void => {
    if (namespace !== "") need(`namespace ${namespace}`, place);
    need(`kind ${group}/${kind}`, place);
  };
  for (const [{ ref, desired, action }, wave] of waves)
    if (desired !== undefined || action === "wait") needs(ref, { phase: "Sync", wave });
  // A hook that only runs when something failed, or at the end of everything, brings nothing forward.
  for (const { phase, desired } of hooks)
    if (phase === "PreSync") needs(desired.ref, { phase, wave: desired.wave });
  return ({ ref, desired }) => {
    if (ref.kind === "Namespace" && ref.group === "") return earliest.get(`namespace ${ref.name}`);
    if (ref.kind !== "CustomResourceDefinition" || desired === undefined) return undefined;
    const { spec } = desired.object as CustomResourceDefinition;
    return earliest.get(`kind ${spec.group}/${spec.names.kind}`);
  };
}

function compare(a: Place, b: Place): number {
  return HOOK_PHASES.indexOf(a.phase) - HOOK_PHASES.indexOf(b.phase) || a.wave - b.wave;
}

class StepList {
  readonly #steps = new Map<string, Place & { entries: PlanEntry[]; hooks: HookRun[] }>();

  at({ phase, wave }: Place): { entries: PlanEntry[]; hooks: HookRun[] } {
    const key = `${phase}/${wave}`;
    let step = this.#steps.get(key);
    if (step === undefined) {
      step = { phase, wave, entries: [], hooks: [] };
      this.#steps.set(key, step);
    }
    return step;
  }

  inOrder(): Step[] {
    const steps = [...this.#steps.values()].sort(compare);
    for (const { hooks } of steps)
      hooks.sort((a, b) => compareForApply(a.desired.ref, b.desired.ref));
    return steps;
  }
}
