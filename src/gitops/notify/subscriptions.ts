/** Who is told of an Application: Alerts that select it, and what its own annotations ask for. Pure. */
import { type Alert, type Trigger, TRIGGERS } from "../../kube/kinds/alert.ts";
import type { Application } from "../../kube/kinds/application.ts";
import { isSelected } from "../../kube/kinds/event-source.ts";
import { DEFAULT_TRIGGERS, type Happening } from "./happening.ts";
import { ownerId } from "./ledger.ts";
import type { Wording } from "./message.ts";

export interface Subscription {
  /** Whose status tells of deliveries: `Alert/…` or `Provider/…`. */
  readonly owner: string;
  /** `namespace/name`. */
  readonly provider: string;
  readonly channel?: string;
  readonly wording: Wording;
  readonly wants: (happening: Happening) => boolean;
}

const SUBSCRIBE = "notifications.argoproj.io/subscribe.";
/** Of one Application: more is a mistake or an attack. */
const MAX_ANNOTATED = 50;

/** Compiled once for each version of an Alert. */
const compiled = new WeakMap<Alert, Subscription>();

export function subscriptionsTo(
  application: Application,
  alerts: readonly Alert[],
): readonly Subscription[] {
  return [
    ...alerts
      .filter(
        ({ metadata, spec }) =>
          spec.suspend !== true &&
          isSelected(application, spec.eventSources, metadata.namespace ?? ""),
      )
      .map(fromAlert),
    ...fromAnnotations(application),
  ];
}

function fromAlert(alert: Alert): Subscription {
  const known = compiled.get(alert);
  if (known !== undefined) return known;
  const { providerRef, triggers, eventSeverity, inclusionList, exclusionList } = alert.spec;
  const wanted = new Set<Trigger>(
    triggers === undefined || triggers.length === 0 ? DEFAULT_TRIGGERS : triggers,
  );
  const included = inclusionList?.map(pattern);
  const excluded = exclusionList?.map(pattern);
  const subscription: Subscription = {
    owner: ownerId(alert),
    provider: `${alert.metadata.namespace ?? ""}/${providerRef.name}`,
    wording: alert.spec,
    wants: ({ trigger, severity, message }) =>
      wanted.has(trigger) &&
      (eventSeverity !== "error" || severity === "error") &&
      (included === undefined ||
        included.length === 0 ||
        included.some((one) => one.test(message))) &&
      excluded?.some((one) => one.test(message)) !== true,
  };
  compiled.set(alert, subscription);
  return subscription;
}

const pattern = (source: string): RegExp => new RegExp(source, "u");

/**
 * `…/subscribe.<trigger>.<provider>: channel;channel`, as Argo CD has it; without a trigger those
 * that an Alert has without any. The Provider is looked for in the Application's namespace.
 */
function fromAnnotations({ metadata }: Application): Subscription[] {
  const { namespace = "", annotations = {} } = metadata;
  const places = new Map<string, { provider: string; channel: string; triggers: Set<Trigger> }>();
  for (const [name, value] of Object.entries(annotations)) {
    if (!name.startsWith(SUBSCRIBE)) continue;
    const rest = name.slice(SUBSCRIBE.length);
    const trigger = TRIGGERS.find((candidate) => rest.startsWith(`${candidate}.`));
    // A trigger of somebody's own catalogue.
    if (trigger === undefined && rest.startsWith("on-")) continue;
    const provider = trigger === undefined ? rest : rest.slice(trigger.length + 1);
    for (const channel of value.split(";").map((part) => part.trim())) {
      const id = `${provider}\n${channel}`;
      const place = places.get(id) ?? { provider, channel, triggers: new Set() };
      for (const one of trigger === undefined ? DEFAULT_TRIGGERS : [trigger])
        place.triggers.add(one);
      if (places.size < MAX_ANNOTATED) places.set(id, place);
    }
  }
  return [...places.values()].map(({ provider, channel, triggers }) => ({
    owner: `Provider/${namespace}/${provider}`,
    provider: `${namespace}/${provider}`,
    ...(channel === "" ? {} : { channel }),
    wording: {},
    wants: (happening) => triggers.has(happening.trigger),
  }));
}
