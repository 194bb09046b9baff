/** Finds out for one Application what its gates say: its windows, its Project's, its dependencies. */
import type { Clock } from "../../client/clock.ts";
import { type Application, revisionId, type SyncWindow } from "../../kube/kinds/application.ts";
import { targetRevision } from "../application-manifests.ts";
import type { ManifestSource } from "../application-manifests.ts";
import { SourceError } from "../source/source-error.ts";
import { applicableWindows } from "./applicable-windows.ts";
import {
  dependencyKeys,
  followsSameBranch,
  lag,
  type ReadyExpression,
  waitsFor,
} from "./dependencies.ts";
import { type Gates, NO_GATES } from "./gates.ts";
import { loadReadyExpressions } from "./ready-expression.ts";
import { WindowCalendar } from "./window-calendar.ts";

export interface GateKeeperOptions {
  readonly clock: Clock;
  readonly source: Pick<ManifestSource, "manifestsOf">;
  readonly applicationOf: (key: string) => Application | undefined;
  /** Gets the key of an Application whose repository has something newer than its status knows. */
  readonly onBehind: (key: string) => void;
  /** The windows of the Application's Project. */
  readonly projectWindowsOf: (application: Application) => readonly SyncWindow[];
}

export class GateKeeper {
  readonly #options: GateKeeperOptions;
  readonly #calendar = new WindowCalendar();
  #evaluate: Promise<ReadyExpression> | undefined;

  constructor(options: GateKeeperOptions) {
    this.#options = options;
  }

  /** @param isNewest whether what is to be synced is the newest of its branch */
  async gatesOf(application: Application, isNewest: boolean, signal: AbortSignal): Promise<Gates> {
    const { clock, applicationOf, projectWindowsOf } = this.#options;
    const applicable = applicableWindows(application, projectWindowsOf(application));
    const { dependsOn = [] } = application.spec;
    if (applicable.length === 0 && dependsOn.length === 0) return NO_GATES;
    const windows = this.#calendar.at(applicable, clock.now());
    const evaluate = await this.#expressions(application);
    const newest = isNewest ? await this.#newest(application, signal) : new Map<string, string>();
    const waiting = waitsFor(application, {
      applicationOf,
      evaluate,
      newestOf: (key) => newest.get(key),
    });
    return { applicable, windows, waiting };
  }

  /**
   * What the repository has for the dependencies that it shares with the Application: known since
   * the Application itself was looked at, whether or not they have been since.
   */
  async #newest(application: Application, signal: AbortSignal): Promise<Map<string, string>> {
    const { applicationOf, source, onBehind } = this.#options;
    const newest = new Map<string, string>();
    for (const key of dependencyKeys(application)) {
      const dep = applicationOf(key);
      if (dep === undefined || !followsSameBranch(dep, application)) continue;
      try {
        const { commit } = await source.manifestsOf(dep, { revision: targetRevision(dep), signal });
        const id = revisionId(commit.id, commit.revisions);
        newest.set(key, id);
        // Having asked on its behalf, nobody else tells it of what is new.
        if (lag(dep, id) !== undefined && dep.status?.rollback?.insteadOf !== id) onBehind(key);
      } catch (error) {
        // Its own status tells that it cannot be read: it is not in sync then.
        if (!(error instanceof SourceError)) throw error;
      }
    }
    return newest;
  }

  #expressions({ spec }: Application): Promise<ReadyExpression> | ReadyExpression {
    if (!(spec.dependsOn ?? []).some(({ readyExpr }) => readyExpr !== undefined)) return noneUsed;
    this.#evaluate ??= loadReadyExpressions();
    return this.#evaluate;
  }
}

const noneUsed: ReadyExpression = (expression) => {
  throw new Error(`no expression was loaded to evaluate ${expression}`);
};
