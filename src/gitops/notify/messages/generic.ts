/**
 * Any webhook: the event as JSON, in the shape of Flux's events with some fields more, or whatever
 * the Alert's template makes of it. `generic-hmac` signs the body.
 */
import { createHmac } from "node:crypto";
import { DeliveryError } from "../delivery-error.ts";
import type { Message } from "../message.ts";
import type { Post } from "./post.ts";

export const generic: Post = {
  request(message, { address, headers }) {
    const { body, contentType } = bodyOf(message);
    return {
      method: "POST",
      url: address,
      headers: { "content-type": contentType, ...headers },
      body,
    };
  },
};

export const genericHmac: Post = {
  request(message, place) {
    const { token } = place;
    if (token === undefined)
      throw new DeliveryError("configuration", "generic-hmac needs a Secret with the key token");
    const request = generic.request(message, place);
    const signature = createHmac("sha256", token)
      .update(request.body ?? "")
      .digest("hex");
    return { ...request, headers: { ...request.headers, "x-signature": `sha256=${signature}` } };
  },
};

function bodyOf(message: Message): { body: string; contentType: string } {
  if (message.rendered === undefined)
    return { body: JSON.stringify(eventOf(message)), contentType: "application/json" };
  return {
    body: message.rendered,
    contentType: isJson(message.rendered) ? "application/json" : "text/plain; charset=utf-8",
  };
}

function eventOf({ happening, text, facts, objects, link }: Message): object {
  const { application, trigger, reason, severity, revision, plan } = happening;
  const { name, namespace = "", uid = "" } = application.metadata;
  return {
    involvedObject: {
      apiVersion: application.apiVersion,
      kind: application.kind,
      namespace,
      name,
      uid,
    },
    severity,
    timestamp: application.status?.reconciledAt ?? null,
    message: text,
    reason,
    trigger,
    id: happening.id,
    metadata: Object.fromEntries(facts),
    reportingController: "gantry",
    ...(revision === undefined ? {} : { revision }),
    ...(plan === undefined ? {} : { plan }),
    objects,
    sync: application.status?.sync?.status ?? "Unknown",
    health: application.status?.health?.status ?? "Unknown",
    ...(link === undefined ? {} : { link }),
  };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
