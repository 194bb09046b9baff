/** A happening in words: what every chat and webhook is told, before it is put into the form that each takes. Pure. */
import type { AlertSpec } from "../../kube/kinds/alert.ts";
import { type Application, sourcesOf } from "../../kube/kinds/application.ts";
import { type Json, keyOf } from "../../kube/object.ts";
import { redactUrl } from "../source/repo-url.ts";
import { compileTemplate } from "../template/template.ts";
import { TemplateError } from "../template/template-error.ts";
import { DeliveryError } from "./delivery-error.ts";
import type { Happening, Mention } from "./happening.ts";
import { applicationLink, commitLink, safeLink } from "./links.ts";

export interface Message {
  /** `namespace/name` of the Application. */
  readonly title: string;
  readonly text: string;
  readonly happening: Happening;
  /** Name and value, in order. */
  readonly facts: readonly (readonly [string, string])[];
  readonly objects: readonly Mention[];
  readonly link?: string;
  /** What the Alert's template makes of it. */
  readonly rendered?: string;
}

export type Wording = Pick<AlertSpec, "summary" | "template" | "eventMetadata">;

/** Chats cut longer texts off, or refuse them. */
const MAX_TEXT_CHARACTERS = 2_000;
const MAX_FACTS = 20;
const MAX_FACT_CHARACTERS = 500;

/** @throws DeliveryError for a template that cannot be used */
export function messageOf(happening: Happening, wording: Wording): Message {
  const { application, objects } = happening;
  const link = applicationLink(application) ?? commitLink(application, happening.revision);
  const facts: [string, string | undefined][] = [
    ["summary", wording.summary],
    ["revision", happening.revision],
    ["commit", happening.subject],
    ["author", happening.author],
    ...Object.entries(wording.eventMetadata ?? {}),
  ];
  const rendered =
    wording.template === undefined ? undefined : fill(wording.template, happening, wording, link);
  return {
    title: keyOf(application),
    text: cut(rendered ?? happening.message, MAX_TEXT_CHARACTERS),
    happening,
    facts: facts
      .flatMap(([name, value]) =>
        value === undefined || value === ""
          ? []
          : [[cut(name, MAX_FACT_CHARACTERS), cut(value, MAX_FACT_CHARACTERS)] as const],
      )
      .slice(0, MAX_FACTS),
    objects: objects.map(({ object, message }) => ({
      object: cut(object, MAX_FACT_CHARACTERS),
      message: cut(message, MAX_FACT_CHARACTERS),
    })),
    ...(link === undefined ? {} : { link }),
    ...(rendered === undefined ? {} : { rendered }),
  };
}

/** What `{{ expressions }}` of a template may name; everything is there, if empty. */
export function templateValues(
  happening: Happening,
  { summary = "", eventMetadata = {} }: Wording,
  link: string | undefined,
): Json {
  const { application, plan, objects } = happening;
  const event = {
    trigger: happening.trigger,
    reason: happening.reason,
    severity: happening.severity,
    message: happening.message,
    revision: happening.revision ?? "",
    author: happening.author ?? "",
    subject: happening.subject ?? "",
    plan: plan ?? { create: 0, update: 0, replace: 0, prune: 0 },
    objects: objects.map(({ object, message }) => `${object}: ${message}`),
    link: safeLink(link) ?? "",
    commitLink: commitLink(application, happening.revision) ?? "",
  };
  return { app: presentable(application), event, summary, metadata: eventMetadata } as Json;
}

function fill(
  template: string,
  happening: Happening,
  wording: Wording,
  link: string | undefined,
): string {
  try {
    return compileTemplate(template)(templateValues(happening, wording, link));
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new DeliveryError("configuration", `spec.template: ${error.message}`);
  }
}

/** The Application without what may hold a credential. */
function presentable(application: Application): Json {
  const sources = sourcesOf(application.spec).map(
    ({ repoURL, targetRevision = "", path = "", chart = "" }) => ({
      repoURL: redactUrl(repoURL),
      targetRevision,
      path,
      chart,
    }),
  );
  const { metadata, spec, status } = application;
  const { managedFields: _fields, annotations = {}, labels = {}, ...identity } = metadata;
  const { "kubectl.kubernetes.io/last-applied-configuration": _copy, ...own } = annotations;
  const shown = {
    metadata: { ...identity, annotations: own, labels },
    spec: {
      project: spec.project ?? "default",
      source: sources[0] ?? {},
      sources,
      destination: spec.destination,
    },
    status: status ?? {},
  };
  // Whatever the types allow to be undefined is left out, as in the object itself.
  return JSON.parse(JSON.stringify(shown)) as Json;
}

export function cut(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max - 1)}…`;
}
