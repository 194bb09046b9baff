import type { Event as UpstreamEvent } from "kubernetes-types/core/v1";
import type { FieldError } from "../field-error.ts";
import type { Kind } from "../kind.ts";
import { dns1123Subdomain, qualifiedName } from "../names.ts";
import type { Live } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { nameColumn, textColumn } from "./columns.ts";
import { invalid, isBlank, named, requiredText } from "./field-problems.ts";
import { ageSince } from "./human-duration.ts";

export type Event = Live<UpstreamEvent>;

const WIDE = 1;
/** Limits of the newer event style, where `eventTime` is set. */
const MAX_NAME_LENGTH = 128;
const MAX_MESSAGE_LENGTH = 1024;

export const events: Kind<Event> = {
  group: "",
  version: "v1",
  kind: "Event",
  plural: "events",
  singular: "event",
  namespaced: true,
  shortNames: ["ev"],
  ephemeral: true,
  get schema() {
    return builtinSchema("v1", "Event");
  },
  columns: [
    textColumn("Last Seen", "Time since it last happened.", (event, { nowMs }) =>
      ageSince(lastSeen(event), nowMs),
    ),
    textColumn("Type", "Normal or Warning.", ({ type }) => type ?? ""),
    textColumn("Reason", "Why, in one word.", ({ reason }) => reason ?? ""),
    textColumn("Object", "What it happened to.", ({ involvedObject: { kind = "", name = "" } }) =>
      name === "" ? kind.toLowerCase() : `${kind.toLowerCase()}/${name}`,
    ),
    textColumn(
      "Subobject",
      "Which part of it.",
      (event) => event.involvedObject.fieldPath ?? "",
      WIDE,
    ),
    textColumn("Source", "Who reports it.", formatSource, WIDE),
    textColumn("Message", "What happened.", ({ message }) => (message ?? "").trim()),
    textColumn(
      "First Seen",
      "Time since it first happened.",
      (event, { nowMs }) => ageSince(firstSeen(event), nowMs),
      WIDE,
    ),
    textColumn(
      "Count",
      "How often it happened.",
      ({ series, count }) => series?.count || count || 1,
      WIDE,
    ),
    { ...nameColumn, priority: WIDE },
  ],
  selectableFields: {
    "involvedObject.kind": ({ involvedObject }) => involvedObject.kind ?? "",
    "involvedObject.namespace": ({ involvedObject }) => involvedObject.namespace ?? "",
    "involvedObject.name": ({ involvedObject }) => involvedObject.name ?? "",
    "involvedObject.uid": ({ involvedObject }) => involvedObject.uid ?? "",
    "involvedObject.apiVersion": ({ involvedObject }) => involvedObject.apiVersion ?? "",
    "involvedObject.resourceVersion": ({ involvedObject }) => involvedObject.resourceVersion ?? "",
    "involvedObject.fieldPath": ({ involvedObject }) => involvedObject.fieldPath ?? "",
    reason: ({ reason }) => reason ?? "",
    reportingComponent: ({ reportingComponent }) => reportingComponent ?? "",
    source: ({ source, reportingComponent }) => source?.component || (reportingComponent ?? ""),
    type: ({ type }) => type ?? "",
  },
  strategy: { validateName: dns1123Subdomain, validate: validateEvent },
};

function firstSeen({ firstTimestamp, eventTime }: Event): string | undefined {
  return firstTimestamp ?? eventTime;
}

function lastSeen(event: Event): string | undefined {
  return event.series?.lastObservedTime ?? event.lastTimestamp ?? firstSeen(event);
}

function formatSource({ source, reportingComponent, reportingInstance }: Event): string {
  const component = source?.component || reportingComponent || "";
  const host = source?.host || reportingInstance || "";
  return host === "" ? component : `${component}, ${host}`;
}

function validateEvent(event: Event): FieldError[] {
  return [
    ...validateInvolvedNamespace(event),
    ...(event.eventTime === undefined ? [] : validateNewStyle(event)),
  ];
}

/** Events live beside the object; those of cluster-scoped objects live in `default`. */
function validateInvolvedNamespace({ metadata, involvedObject }: Event): FieldError[] {
  const involved = involvedObject.namespace ?? "";
  const isBeside =
    involved === "" ? metadata.namespace === "default" : involved === metadata.namespace;
  return isBeside || isBlank(metadata.namespace)
    ? []
    : [invalid("involvedObject.namespace", involved, "does not match event.namespace")];
}

function validateNewStyle(event: Event): FieldError[] {
  const errors: FieldError[] = [];
  for (const field of ["reportingInstance", "action", "reason"] as const) {
    errors.push(...requiredText(field, event[field]));
    errors.push(...atMost(field, event[field] ?? "", MAX_NAME_LENGTH));
  }
  const component = event.reportingComponent;
  errors.push(...requiredText("reportingComponent", component));
  if (!isBlank(component)) errors.push(...named("reportingComponent", component, qualifiedName));
  return [...errors, ...atMost("message", event.message ?? "", MAX_MESSAGE_LENGTH)];
}

function atMost(field: string, text: string, length: number): FieldError[] {
  return text.length > length
    ? [invalid(field, undefined, `can have at most ${length} characters`)]
    : [];
}
