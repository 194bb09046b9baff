import type { Client } from "../client/client.ts";
import type { ApplicationManifests } from "../gitops/application-manifests.ts";
import { type BlamedField, blameFields } from "../gitops/blame/blame-fields.ts";
import { findCommits, type FoundCommit } from "../gitops/blame/find-commits.ts";
import { manifestVersions } from "../gitops/blame/manifest-versions.ts";
import { formatRef, refKey, refOf } from "../gitops/plan/object-ref.ts";
import { trackedBy, trackingLabel } from "../gitops/plan/tracking.ts";
import { sha256 } from "../gitops/plan/desired.ts";
import type { Manifest } from "../gitops/render/manifest.ts";
import type { Repositories } from "../gitops/repositories.ts";
import {
  type Application,
  applications,
  deployments,
  mainSource,
  sourcesOf,
} from "../kube/kinds/application.ts";
import { keyOf, type KubeObject } from "../kube/object.ts";
import type { ApplicationFlags } from "./application-flags.ts";
import { withRepositories } from "./application-plan.ts";
import { connect } from "./connect.ts";
import type { CliContext } from "./context.ts";
import { findObject } from "./find-object.ts";
import { printJson, printLine, table } from "./output.ts";

/** Commits that are looked at: further back it says "or earlier". */
const MAX_COMMITS = 500;
const SHORT_COMMIT = 10;
const MAX_VALUE = 40;
const MASKED = "(masked)";

interface BlameFlags extends ApplicationFlags {
  readonly output: "text" | "json";
}
interface Blame {
  readonly application: Application | undefined;
  readonly revision: string | undefined;
  readonly fields: readonly (BlamedField & { readonly found?: FoundCommit | undefined })[];
}

export async function showBlame(
  this: CliContext,
  flags: BlameFlags,
  ...words: string[]
): Promise<void> {
  const client = await connect(flags);
  const { object } = await findObject(client, flags.namespace, words);
  const blame = await blameOf(client, object);
  if (flags.output === "json") printJson(this, asJson(object, blame));
  else printLine(this, asText(object, blame));
}

async function blameOf(client: Client, object: KubeObject): Promise<Blame> {
  const application = await ownerOf(client, object);
  const revision =
    application?.status?.rollback?.revision ?? deployments(application?.status).at(-1)?.revision;
  if (application === undefined || revision === undefined)
    return { application, revision, fields: blameFields(object, undefined) };
  return withRepositories(client, async (repositories) => {
    const { signal } = new AbortController();
    const rendered = await repositories.manifestsOf(application, { revision, signal });
    const manifest = manifestOf(rendered, application, object);
    const fields = blameFields(object, manifest);
    if (manifest === undefined) return { application, revision, fields };
    const ofGit = fields.filter(({ place }) => place !== undefined);
    const found = await commitsOf(repositories, application, {
      manifest,
      revision,
      fields: ofGit,
      signal,
    });
    const byField = new Map(ofGit.map(({ field }, at) => [field, found[at]]));
    return {
      application,
      revision,
      fields: fields.map((one) => ({ ...one, found: byField.get(one.field) })),
    };
  });
}

async function ownerOf(client: Client, object: KubeObject): Promise<Application | undefined> {
  const label = trackedBy(object);
  if (label === undefined) return undefined;
  const { items } = await client.list(applications);
  return items.find((application) => trackingLabel(keyOf(application), sha256) === label);
}

function manifestOf(
  { manifests }: ApplicationManifests,
  { spec }: Application,
  object: KubeObject,
): Manifest | undefined {
  const wanted = refKey(refOf(object));
  const found = manifests.find((manifest) => {
    const ref = refOf(manifest.object);
    const namespace =
      ref.namespace === "" && object.metadata.namespace !== undefined
        ? (spec.destination.namespace ?? "default")
        : ref.namespace;
    return refKey({ ...ref, namespace }) === wanted;
  });
  return found as Manifest | undefined;
}

interface Search {
  readonly manifest: Manifest;
  readonly revision: string;
  readonly fields: readonly BlamedField[];
  readonly signal: AbortSignal;
}

/** Only the first source has a history here; the files of others are told without commits. */
async function commitsOf(
  repositories: Repositories,
  application: Application,
  { manifest, revision, fields, signal }: Search,
): Promise<(FoundCommit | undefined)[]> {
  if (sourcesOf(application.spec).length > 1 || mainSource(application.spec).chart !== undefined)
    return [];
  const user = { key: keyOf(application), namespace: application.metadata.namespace };
  const source = mainSource(application.spec);
  const commits = await repositories.historyOf(user, source, {
    commitId: revision,
    limit: MAX_COMMITS,
    signal,
  });
  const versions = manifestVersions({
    commits,
    treeOf: async ({ id }) =>
      (
        await repositories.commitOf(
          user,
          { ...source, targetRevision: id },
          { notBeforeMs: 0, signal },
        )
      ).tree,
    file: manifest.origin.file,
    kind: manifest.object.kind,
    name: manifest.object.metadata.name,
  });
  return findCommits(
    fields.map(({ path }) => path),
    versions,
  );
}

function asText(object: KubeObject, { application, revision, fields }: Blame): string {
  const title =
    application === undefined
      ? `${formatRef(refOf(object))} belongs to no Application`
      : `${formatRef(refOf(object))} of Application ${keyOf(application)} at ${(revision ?? "no revision").slice(0, SHORT_COMMIT)}`;
  const rows = fields.map((field) => [
    field.field,
    shown(object, field),
    setBy(field),
    whereOf(field),
  ]);
  return `${title}\n${table(["FIELD", "VALUE", "SET BY", "WHERE"], rows)}`;
}

function setBy({ managers, found, place, isDrift }: Blame["fields"][number]): string {
  if (place !== undefined && !isDrift) {
    if (found === undefined) return "Git";
    const { commit, isEndOfHistory } = found;
    return `${commit.id.slice(0, SHORT_COMMIT)}${isEndOfHistory ? " or earlier" : ""} ${commit.author.name}: ${commit.subject}`;
  }
  return managers
    .map(({ manager, time }) => `${manager}${time === undefined ? "" : ` at ${time}`}`)
    .join(", ");
}

function whereOf({ place, isDrift }: BlamedField): string {
  if (place === undefined) return "";
  return `${isDrift ? "drift from " : ""}${place.file}:${place.line}`;
}

function shown(object: KubeObject, { field, value }: BlamedField): string {
  const text = JSON.stringify(maskedValue(object, field, value)) ?? "";
  return text.length <= MAX_VALUE ? text : `${text.slice(0, MAX_VALUE - 1)}…`;
}

function maskedValue({ kind, apiVersion }: KubeObject, field: string, value: unknown): unknown {
  const isSecret = kind === "Secret" && apiVersion === "v1";
  return isSecret && /^(data|stringData|metadata\.annotations)\b/.test(field) ? MASKED : value;
}

function asJson(object: KubeObject, { application, revision, fields }: Blame): object {
  return {
    object: refOf(object),
    ...(application === undefined ? {} : { application: keyOf(application), revision }),
    fields: fields.map(({ field, value, place, isDrift, managers, found }) => ({
      field,
      value: maskedValue(object, field, value),
      ...(place === undefined ? {} : place),
      ...(found === undefined
        ? {}
        : {
            commit: found.commit.id,
            author: found.commit.author.name,
            date: new Date(found.commit.dateMs).toISOString(),
            subject: found.commit.subject,
            ...(found.isEndOfHistory ? { orEarlier: true } : {}),
          }),
      ...(isDrift ? { drift: true } : {}),
      ...(managers.length === 0 ? {} : { managers }),
    })),
  };
}
