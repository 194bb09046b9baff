/**
 * What sync windows say now, asked at every look at every Application: thousands share the windows
 * of one Project, and between two edges nothing changes.
 */
import type { SyncWindow } from "../../kube/kinds/application.ts";
import { windowsAt, type WindowState } from "./sync-windows.ts";

/** Different sets of windows kept: some for each project of a big fleet. */
const MAX_KEPT = 1_000;

export class WindowCalendar {
  readonly #kept = new Map<string, { readonly fromMs: number; readonly state: WindowState }>();

  /** As `windowsAt`. */
  at(windows: readonly SyncWindow[], nowMs: number): WindowState {
    if (windows.length === 0) return windowsAt(windows, nowMs);
    const key = JSON.stringify(windows);
    const known = this.#kept.get(key);
    if (known !== undefined && holds(known, nowMs)) return known.state;
    const state = windowsAt(windows, nowMs);
    this.#kept.delete(key);
    if (this.#kept.size >= MAX_KEPT) this.#kept.delete(this.#kept.keys().next().value ?? "");
    this.#kept.set(key, { fromMs: nowMs, state });
    return state;
  }
}

function holds(
  { fromMs, state }: { readonly fromMs: number; readonly state: WindowState },
  nowMs: number,
): boolean {
  return nowMs >= fromMs && nowMs < (state.changesAtMs ?? Number.POSITIVE_INFINITY);
}
