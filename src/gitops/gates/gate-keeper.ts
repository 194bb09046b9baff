/** Finds out for one Application what its gates say: its windows, its Project's, its dependencies. */
import type { Clock } from "../../client/clock.ts";
import type { Application, SyncWindow } from "../../kube/kinds/application.ts";
import { applicableWindows } from "./applicable-windows.ts";
import { type ReadyExpression, waitsFor } from "./dependencies.ts";
import { type Gates, NO_GATES } from "./gates.ts";
import { loadReadyExpressions } from "./ready-expression.ts";
import { WindowCalendar } from "./window-calendar.ts";

export interface GateKeeperOptions {
  readonly clock: Clock;
  readonly applicationOf: (key: string) => Application | undefined;
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

  /** @param newest the commit to be synced, if it is the newest of its branch */
  async gatesOf(application: Application, newest: string | undefined): Promise<Gates> {
    const { clock, applicationOf, projectWindowsOf } = this.#options;
    const applicable = applicableWindows(application, projectWindowsOf(application));
    const { dependsOn = [] } = application.spec;
    if (applicable.length === 0 && dependsOn.length === 0) return NO_GATES;
    const windows = this.#calendar.at(applicable, clock.now());
    const evaluate = await this.#expressions(application);
    const waiting = waitsFor(application, { applicationOf, evaluate, revision: newest });
    return { applicable, windows, waiting };
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
