/**
 * What a push to a repository of Gantry's has to pass before a ref moves, and what is told of it
 * afterwards. Knows nothing of Git's protocol: it gets refs and commits, and says lines.
 */
import type { Client } from "../../client/client.ts";
import type { Clock } from "../../client/clock.ts";
import type { Application, ApplicationSource } from "../../kube/kinds/application.ts";
import { keyOf } from "../../kube/object.ts";
import type { Finding } from "../check/finding.ts";
import type { RenderedApplication } from "../render/render-application.ts";
import type { PushedCommit } from "../repositories.ts";
import type { Commit } from "../source/source.ts";
import { SourceError } from "../source/source-error.ts";
import { checkApplication, type CheckedApplication } from "./check-application.ts";
import {
  type Concern,
  concernedBy,
  isAt,
  type RefsChange,
  usersOf,
} from "./concerned-applications.ts";
import { isInSync } from "../plan/plan.ts";
import { type FollowResult, followRollout } from "./follow-rollout.ts";
import { planLines } from "./plan-lines.ts";
import { PushClaims } from "./push-claims.ts";
import { type PushedApplication, renderPushed } from "./pushed-application.ts";
import { observed, type StageObserver } from "../report/stage-metrics.ts";

/** Problems that are printed of one push; the rest is counted. */
const MAX_PROBLEMS = 20;
const MAX_WARNINGS = 10;

/** Rollouts that are shown of one push: more cannot be read, and each is watched. */
const MAX_FOLLOWED = 20;

/** Gets one line at a time, without its end. */
export type Say = (line: string) => void;

export interface PendingPush extends RefsChange {
  /** The commit that an id leads to, read where the pushed objects wait. */
  commit(id: string): Promise<Commit>;
}
export interface Verdict {
  /** By full ref name: why it must not move. */
  readonly refused: ReadonlyMap<string, string>;
  /** Of those that the push touches. */
  readonly checked: readonly CheckedApplication[];
}
export interface PushGateOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly applications: () => Iterable<Application>;
  /** Looks at these Applications again, now. */
  readonly refresh: (keys: readonly string[]) => void;
  /** What an Application would be with some of its sources at another commit. */
  readonly render: (
    application: Application,
    pushed: PushedCommit,
    signal: AbortSignal,
  ) => Promise<RenderedApplication>;
  /** The commit by which is known what that commit says of an Application; undefined: it says something new. */
  readonly knownAs: (application: Application, pushed: PushedCommit) => Promise<string | undefined>;
  /** What rules of projects and policies say. @default none */
  readonly police?: (
    application: Application,
    rendered: RenderedApplication,
    signal: AbortSignal,
  ) => Promise<readonly Finding[]>;
  readonly observer?: StageObserver;
}

export class PushGate {
  readonly #options: PushGateOptions;

  constructor(options: PushGateOptions) {
    this.#options = options;
  }

  /** Checks every Application that the push concerns, and says what it would do. */
  check(push: PendingPush, say: Say, signal: AbortSignal): Promise<Verdict> {
    return observed(
      this.#options.observer,
      "push",
      () => this.#check(push, say, signal),
      ({ refused }) => (refused.size > 0 ? "failure" : "success"),
    );
  }

  async #check(push: PendingPush, say: Say, signal: AbortSignal): Promise<Verdict> {
    const concerns = concernedBy(push, this.#options.applications());
    const refused = new Map<string, string>();
    const pushed = await this.#render(push, concerns, refused, signal);
    this.#tellUntouched(concerns.length - refused.size - pushed.length, say);
    const { client, clock } = this.#options;
    const claims = new PushClaims(pushed);
    const checked: CheckedApplication[] = [];
    for (const each of pushed) {
      const result = await checkApplication(each, { client, clock, claims, signal });
      tell(result, say);
      checked.push(result);
      if (result.problems.length > 0)
        refused.set(each.ref, `it would not work for ${keyOf(each.application)}`);
    }
    this.#tellUnfollowed(push, concerns, say);
    return { refused, checked };
  }

  /** Those that the push touches. */
  async #render(
    push: PendingPush,
    concerns: readonly Concern[],
    refused: Map<string, string>,
    signal: AbortSignal,
  ): Promise<PushedApplication[]> {
    const pushed: PushedApplication[] = [];
    for (const { application, ref, id, revision } of concerns) {
      signal.throwIfAborted();
      if (id === undefined) {
        refused.set(ref, `Application ${keyOf(application)} follows it`);
        continue;
      }
      const commit = await push.commit(id).catch(unreadable);
      if (typeof commit === "string") {
        refused.set(ref, commit);
        continue;
      }
      const { client, render, knownAs, police = noRules } = this.#options;
      const isOf = (source: ApplicationSource): boolean => isAt(source, push.repository, revision);
      if ((await knownAs(application, { commit, isOf })) !== undefined) continue;
      const options = {
        client,
        render: () => render(application, { commit, isOf }, signal),
        police: (rendered: RenderedApplication) => police(application, rendered, signal),
        signal,
      };
      const about = {
        application,
        ref,
        commit,
        knownAs: () => knownAs(application, { commit, isOf }),
      };
      pushed.push(await renderPushed(about, options));
    }
    return pushed;
  }

  #tellUntouched(count: number, say: Say): void {
    if (count > 0)
      say(
        `-----> ${count} Application${count === 1 ? "" : "s"} that follow it: nothing of theirs is touched`,
      );
  }

  /** These refs have moved: the Applications that follow them look at once. */
  moved(checked: readonly CheckedApplication[]): void {
    this.#options.refresh(checked.map(({ application }) => keyOf(application)));
  }

  /** Says how it goes on until it is decided, and at the end one line for each Application. */
  async follow(
    checked: readonly CheckedApplication[],
    say: Say,
    signal: AbortSignal,
  ): Promise<readonly FollowResult[]> {
    const { client, clock } = this.#options;
    const followed = checked.slice(0, MAX_FOLLOWED);
    const results = await Promise.all(
      followed.map(async (each): Promise<FollowResult> => {
        const name = followed.length === 1 ? "" : `${each.application.metadata.name}: `;
        const sayOf = (line: string): void => say(`       ${name}${line}`);
        const unattended = notDeployed(each.application);
        if (unattended !== undefined) return { outcome: "open", line: unattended };
        // The operator keeps calling it by the commit that made the last difference.
        if (each.plan !== undefined && isInSync(each.plan))
          return { outcome: "live", line: `✓ ${keyOf(each.application)} is as it was` };
        return followRollout(each, { client, clock, say: sayOf, signal });
      }),
    );
    const rest = checked.length - followed.length;
    if (rest === 0) return results;
    const line = `… ${rest} more Applications go on without being shown: \`gantry status\` tells how`;
    return [...results, { outcome: "open", line }];
  }

  #tellUnfollowed(push: PendingPush, concerns: readonly Concern[], say: Say): void {
    const followed = new Set(concerns.map(({ ref }) => ref));
    const changed = [...push.after.ids]
      .filter(([ref, id]) => push.before.ids.get(ref) !== id && !followed.has(ref))
      .map(([ref]) => ref);
    const branches = changed.filter((ref) => ref.startsWith("refs/heads/"));
    if (branches.length === 0) return;
    const users = usersOf(push.repository, this.#options.applications());
    for (const ref of branches) say(`No Application follows ${short(ref)}: nothing is deployed.`);
    for (const { metadata, spec } of users) {
      const revision = spec.source?.targetRevision ?? spec.sources?.[0]?.targetRevision ?? "HEAD";
      say(`Application ${metadata.namespace ?? ""}/${metadata.name} follows ${revision}.`);
    }
  }
}

const noRules = (): Promise<readonly Finding[]> => Promise.resolve([]);

/** A branch that leads to no commit. */
function unreadable(error: unknown): string {
  if (error instanceof SourceError) return error.what;
  throw error;
}

/** Why a push alone does not deploy it. */
function notDeployed({ metadata, spec }: Application): string | undefined {
  const { namespace = "", name } = metadata;
  if (spec.suspend === true)
    return `… ${namespace}/${name} is suspended: \`gantry resume ${name} -n ${namespace}\` deploys it`;
  const { automated } = spec.syncPolicy ?? {};
  if (automated !== undefined && automated.enabled !== false) return undefined;
  return `… ${namespace}/${name} is not synced automatically: \`gantry sync ${name} -n ${namespace} --wait\` deploys it`;
}

const short = (ref: string): string => ref.replace(/^refs\/(heads|tags)\//, "");

function tell(
  { application, commit, plan, problems, warnings }: CheckedApplication,
  say: Say,
): void {
  say(`-----> Checking ${keyOf(application)} at ${commit.id.slice(0, 10)} (${commit.subject})`);
  for (const text of bounded(warnings, MAX_WARNINGS)) sayBlock(`       warning: ${text}`, say);
  if (plan !== undefined) for (const line of planLines(plan)) say(`       ${line}`);
  for (const text of bounded(problems, MAX_PROBLEMS)) sayBlock(`     ✗ ${text}`, say);
}

/** Lines after the first are marked as such: no file name or message can pass for one of ours. */
function sayBlock(text: string, say: Say): void {
  for (const [at, line] of text.split("\n").entries()) say(at === 0 ? line : `       | ${line}`);
}

function bounded(lines: readonly string[], max: number): readonly string[] {
  if (lines.length <= max) return lines;
  return [...lines.slice(0, max), `and ${lines.length - max} more`];
}
