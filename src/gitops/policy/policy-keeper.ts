/**
 * What the operator asks before it fetches for an Application and before it applies to a cluster:
 * the Project's limits and the Policies, kept current by watch.
 */
import type { Client } from "../../client/client.ts";
import type { Clock } from "../../client/clock.ts";
import { Informer } from "../../client/informer.ts";
import type { Logger } from "../../client/logger.ts";
import type { Application } from "../../kube/kinds/application.ts";
import { type ConfigMap, configMaps } from "../../kube/kinds/configmap.ts";
import { type Policy, policies } from "../../kube/kinds/policy.ts";
import type { Project } from "../../kube/kinds/project.ts";
import { isStatus } from "../../kube/status-error.ts";
import type { ApplicationManifests } from "../application-manifests.ts";
import { type Finding, formatFinding } from "../check/finding.ts";
import { SourceError } from "../source/source-error.ts";
import type { PolicyManifest } from "./policy-subject.ts";
import type { Trouble } from "../report/application-status.ts";
import { checkPolicies } from "./check-policies.ts";
import { type CompiledPolicies, compilePolicies, NO_POLICIES } from "./compile-policies.ts";
import { namespacedKinds } from "./namespaced-kinds.ts";
import { OPEN_PROJECT, projectFor, sourceBreach } from "./project/project-access.ts";

/** How old the reports of bad images may be. */
const REPORTS_MAX_AGE_MS = 60_000;
/** Findings that one condition tells. */
const MAX_TOLD = 20;

/** What policies say of rendered manifests. */
export interface PolicyVerdict {
  /** Refuses the revision. */
  readonly trouble?: Trouble | undefined;
  /** Told, and applied all the same. */
  readonly warnings: readonly string[];
}

/** What is asked about an Application; see `PolicyKeeper`. */
export interface ManifestPolicy {
  /** Before anything is fetched: why the Project does not allow it. */
  refusal(application: Application): Trouble | undefined;
  /** After rendering. */
  verdict(application: Application, manifests: ApplicationManifests): Promise<PolicyVerdict>;
}

export interface PolicyKeeperOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly projectOf: (name: string) => Project | undefined;
  /** Policies changed: every Application is to be looked at. */
  readonly onPolicies: () => void;
}

const NOTHING: PolicyVerdict = { warnings: [] };

interface Judged {
  readonly policies: CompiledPolicies;
  readonly project: Project;
  /** Of the Application: what its policies may read of it. */
  readonly asked: string;
  readonly verdict: PolicyVerdict;
}

export class PolicyKeeper implements ManifestPolicy {
  readonly #options: PolicyKeeperOptions;
  readonly #policies: Informer<Policy>;
  #compiled: CompiledPolicies = NO_POLICIES;
  #compiledAtMs = 0;
  #compiling: Promise<void> = Promise.resolve();
  /** What was judged already: manifests are shared by reference while they do not change. */
  readonly #judged = new WeakMap<ApplicationManifests, Judged>();
  #isStopped = false;

  constructor(options: PolicyKeeperOptions) {
    this.#options = options;
    const { client, clock, logger } = options;
    this.#policies = new Informer(client, policies, { clock, logger });
    this.#policies.onChange(() => {
      this.#recompile();
      void this.#compiling.then(() => {
        if (!this.#isStopped) options.onPolicies();
      });
    });
  }

  /** Resolves once everything is known, with what ends when `signal` aborts. */
  async start(signal: AbortSignal): Promise<{ readonly ended: Promise<void> }> {
    signal.addEventListener("abort", () => {
      this.#isStopped = true;
    });
    const ended = this.#policies.run(signal);
    await this.#policies.synced;
    await this.#compiling;
    return { ended };
  }

  refusal(application: Application): Trouble | undefined {
    const project = projectFor(application, this.#options.projectOf);
    const breach = "reason" in project ? project : sourceBreach(application, project);
    if (breach === undefined) return undefined;
    const { reason, message } = breach;
    return { type: "NotPermitted", reason, message };
  }

  async verdict(application: Application, manifests: ApplicationManifests): Promise<PolicyVerdict> {
    const project = projectFor(application, this.#options.projectOf);
    if ("reason" in project) return { trouble: this.refusal(application), warnings: [] };
    await this.#freshenReports();
    const compiled = this.#compiled;
    if (project === OPEN_PROJECT && compiled === NO_POLICIES) return NOTHING;
    const known = this.#judged.get(manifests);
    const asked = identityOf(application);
    if (known?.policies === compiled && known.project === project && known.asked === asked)
      return known.verdict;
    const verdict = await this.#judge(application, manifests, project, compiled);
    this.#judged.set(manifests, { policies: compiled, project, asked, verdict });
    return verdict;
  }

  /**
   * What there is to say of manifests that are not applied yet, as those of a push.
   * @throws {SourceError} when the Project does not allow the Application
   */
  async findings(
    application: Application,
    manifests: readonly PolicyManifest[],
  ): Promise<readonly Finding[]> {
    const project = projectFor(application, this.#options.projectOf);
    const breach = "reason" in project ? project : sourceBreach(application, project);
    if (breach !== undefined || "reason" in project)
      throw refused(application, breach?.message ?? "");
    await this.#freshenReports();
    return this.#check(application, manifests, project, this.#compiled);
  }

  async #check(
    application: Application,
    manifests: readonly PolicyManifest[],
    project: Project,
    compiled: CompiledPolicies,
  ): Promise<Finding[]> {
    const isNamespaced = await namespacedKinds(
      manifests.map(({ object }) => object),
      this.#options.client,
    );
    return checkPolicies(manifests, {
      application,
      // The open project allows everything: nothing to look for.
      ...(project === OPEN_PROJECT ? {} : { project }),
      policies: compiled,
      isNamespaced,
    });
  }

  async #judge(
    application: Application,
    { manifests, commit }: ApplicationManifests,
    project: Project,
    compiled: CompiledPolicies,
  ): Promise<PolicyVerdict> {
    const findings = await this.#check(application, manifests, project, compiled);
    const told = (severity: "error" | "warning"): string[] =>
      findings
        .filter((finding) => finding.severity === severity)
        .map((finding) => `${formatFinding(finding)} [${finding.rule}]`);
    const errors = told("error");
    const warnings = cut(told("warning"));
    if (errors.length === 0) return { warnings };
    const message = cut(errors).join("\n");
    const trouble = { type: "PolicyViolation", reason: "PolicyViolation", message };
    return { trouble: { ...trouble, revision: commit.id }, warnings };
  }

  /** Reports of bad images are ConfigMaps that nobody watches. */
  async #freshenReports(): Promise<void> {
    const { clock } = this.#options;
    const hasReports = this.#compiled.policies.some(
      ({ images }) => (images?.spec.reports ?? []).length > 0,
    );
    if (hasReports && clock.now() - this.#compiledAtMs >= REPORTS_MAX_AGE_MS) this.#recompile();
    await this.#compiling;
  }

  #recompile(): void {
    this.#compiledAtMs = this.#options.clock.now();
    const compile = async (): Promise<void> => {
      const all = [...this.#policies.list()].sort((a, b) =>
        a.metadata.name < b.metadata.name ? -1 : 1,
      );
      if (all.length === 0) {
        this.#compiled = NO_POLICIES;
        return;
      }
      const reports = await this.#reports(all);
      this.#compiled = await compilePolicies(all, (namespace, name) =>
        reports.get(`${namespace}/${name}`),
      );
      for (const { where, message } of this.#compiled.problems)
        this.#options.logger.warn({ rule: where, problem: message }, "a policy cannot be used");
    };
    // One after the other: the last one sees everything.
    this.#compiling = this.#compiling.then(compile, compile).catch((error: unknown) => {
      this.#options.logger.warn({ err: error }, "policies cannot be read, the last ones hold");
    });
  }

  async #reports(all: readonly Policy[]): Promise<Map<string, ConfigMap>> {
    const found = new Map<string, ConfigMap>();
    for (const { namespace, name } of all.flatMap(({ spec }) => spec.images?.reports ?? [])) {
      try {
        found.set(
          `${namespace}/${name}`,
          await this.#options.client.get(configMaps, { namespace, name }),
        );
      } catch (error) {
        // Everything else of the policy must hold all the same.
        if (!isStatus(error, "NotFound"))
          this.#options.logger.warn({ err: error, namespace, name }, "a report cannot be read");
      }
    }
    return found;
  }
}

/** Changes with everything of an Application but its status. */
function identityOf({ metadata }: Application): string {
  const { uid, name, namespace, generation, labels, annotations } = metadata;
  return JSON.stringify([uid, namespace, name, generation, labels, annotations]);
}

function refused({ metadata }: Application, what: string): SourceError {
  const where = `Application ${metadata.namespace ?? ""}/${metadata.name}`;
  const advice =
    "Projects and Policies are objects of the cluster: whoever keeps them can change them.";
  return new SourceError("forbidden", { what, where, advice });
}

function cut(texts: readonly string[]): string[] {
  if (texts.length <= MAX_TOLD) return [...texts];
  return [...texts.slice(0, MAX_TOLD), `and ${texts.length - MAX_TOLD} more`];
}
