/**
 * `spec.dependsOn`: whether the Applications that come first are ready. One is when it is in sync
 * with its newest revision, of its newest spec, and healthy; one of the same repository only once
 * it has reached the very commit that is to be synced here. Pure.
 */
import { type Application, revisionId, sourcesOf } from "../../kube/kinds/application.ts";
import { keyOf } from "../../kube/object.ts";

/** `namespace/name` of what an Application depends on. */
export function dependencyKeys({ metadata, spec }: Application): string[] {
  return (spec.dependsOn ?? []).map(
    ({ namespace = metadata.namespace ?? "default", name }) => `${namespace}/${name}`,
  );
}

/** What `readyExpr` says of a dependency. */
export type Readiness =
  | { readonly ready: true }
  /** `forGood`: the expression itself is wrong. */
  | { readonly ready: false; readonly because: string; readonly forGood: boolean };
export type ReadyExpression = (
  expression: string,
  applications: { readonly dep: Application; readonly self: Application },
) => Readiness;

export interface DependencyFacts {
  readonly applicationOf: (key: string) => Application | undefined;
  readonly evaluate: ReadyExpression;
  /**
   * The newest commit that makes a difference to a dependency of the same repository; undefined
   * where nothing is known of it, or where going back to an older one needs no order.
   */
  readonly newestOf: (key: string) => string | undefined;
}

export interface Waiting {
  /** Waiting alone mends nothing: what is configured is wrong. */
  readonly forGood: boolean;
  readonly reason: "DependencyCycle" | "DependencyMissing" | "InvalidExpression" | "NotReady";
  readonly message: string;
}

/** What an Application waits for; undefined: it need not. */
export function waitsFor(application: Application, facts: DependencyFacts): Waiting | undefined {
  const { dependsOn = [] } = application.spec;
  if (dependsOn.length === 0) return undefined;
  const cycle = findCycle(application, facts.applicationOf);
  if (cycle !== undefined)
    return {
      forGood: true,
      reason: "DependencyCycle",
      message: `dependsOn goes in a circle: ${cycle.join(" → ")}; take one of them out`,
    };
  const found = dependencyKeys(application).map((key, index) =>
    waitsForOne(application, { ...facts, key, readyExpr: dependsOn[index]?.readyExpr }),
  );
  const waiting = found.filter((one) => one !== undefined);
  const worst = waiting.find(({ forGood }) => forGood) ?? waiting[0];
  if (worst === undefined) return undefined;
  return { ...worst, message: waiting.map(({ message }) => message).join("; ") };
}

function waitsForOne(
  self: Application,
  facts: DependencyFacts & { readonly key: string; readonly readyExpr: string | undefined },
): Waiting | undefined {
  const { key, readyExpr, newestOf, applicationOf, evaluate } = facts;
  const dep = applicationOf(key);
  if (dep === undefined)
    return {
      forGood: true,
      reason: "DependencyMissing",
      message: `there is no Application ${key}`,
    };
  const notReady = (message: string): Waiting => ({ forGood: false, reason: "NotReady", message });
  const behind = lag(dep, newestOf(key));
  if (behind !== undefined) return notReady(`${key} ${behind}`);
  if (readyExpr === undefined) {
    const unready = unreadiness(dep);
    return unready === undefined ? undefined : notReady(`${key} ${unready}`);
  }
  const readiness = evaluate(readyExpr, { dep, self });
  if (readiness.ready) return undefined;
  const { because, forGood } = readiness;
  const message = `${key}: readyExpr ${because}`;
  return forGood ? { forGood, reason: "InvalidExpression", message } : notReady(message);
}

/** Why a dependency has not come to its newest commit. */
export function lag({ status }: Application, newest: string | undefined): string | undefined {
  const { revision = "", revisions } = status?.sync ?? {};
  if (newest === undefined || revisionId(revision, revisions) === newest) return undefined;
  const short = newest.slice(0, 12);
  if (status?.rollback?.insteadOf === newest) return `was rolled back from ${short}`;
  return `is not at ${short} yet`;
}

/** Whether one commit is to bring both on: then their order is that of `dependsOn`. */
export function followsSameBranch(dep: Application, self: Application): boolean {
  const [main] = sourcesOf(self.spec);
  const [other] = sourcesOf(dep.spec);
  return (
    main !== undefined &&
    other !== undefined &&
    repositoryId(other.repoURL) === repositoryId(main.repoURL) &&
    other.chart === main.chart &&
    (other.targetRevision ?? "HEAD") === (main.targetRevision ?? "HEAD")
  );
}

/** The forms in which people write one address. */
const repositoryId = (url: string): string => url.replace(/\/+$/, "").replace(/\.git$/, "");

function unreadiness({ metadata, status }: Application): string | undefined {
  if (metadata.deletionTimestamp !== undefined) return "is being deleted";
  if ((status?.observedGeneration ?? 0) < (metadata.generation ?? 0))
    return "has not been looked at since it changed";
  const { sync, health, operationState } = status ?? {};
  if (operationState?.phase === "Running") return "is being synced";
  if (sync?.status !== "Synced") return `is ${sync?.status ?? "Unknown"}`;
  if (health?.status === "Healthy") return undefined;
  return `is ${health?.status ?? "Unknown"}${health?.message === undefined ? "" : ` (${health.message})`}`;
}

/** A way from an Application back to itself, by `namespace/name`. */
function findCycle(
  application: Application,
  applicationOf: (key: string) => Application | undefined,
): string[] | undefined {
  const start = keyOf(application);
  const visited = new Set<string>();
  // Each entry is a way to its last Application; a stack instead of recursion: chains can be long.
  const open: string[][] = dependencyKeys(application).map((key) => [start, key]);
  for (let way = open.pop(); way !== undefined; way = open.pop()) {
    const last = way.at(-1) ?? "";
    if (last === start) return way;
    if (visited.has(last)) continue;
    visited.add(last);
    const next = applicationOf(last);
    if (next === undefined) continue;
    for (const key of dependencyKeys(next)) open.push([...way, key]);
  }
  return undefined;
}

/** Whether a change of an Application can make another ready, or keep it waiting. */
export function mattersToDependents(
  before: Application | undefined,
  after: Application | undefined,
): boolean {
  return readinessOf(before) !== readinessOf(after);
}

function readinessOf(application: Application | undefined): string {
  if (application === undefined) return "";
  const { metadata, status } = application;
  const { reconciledAt: _time, ...rest } = status ?? {};
  return JSON.stringify([metadata.generation, metadata.labels, metadata.annotations, rest]);
}
