import type { Event as UpstreamEvent } from "kubernetes-types/core/v1";
import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import type { Live } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";

export type Event = Live<UpstreamEvent>;

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
  columns: [],
  strategy: { validateName: dns1123Subdomain },
};
