/** Slack: an incoming webhook, or `chat.postMessage` with a token. */
import { DeliveryError } from "../delivery-error.ts";
import type { Message } from "../message.ts";
import type { Place, Post } from "./post.ts";

const API = "https://slack.com/api/chat.postMessage";
const COLOURS = { info: "good", error: "danger" } as const;

export const slack: Post = {
  defaultAddress: API,
  request(message, place) {
    const { address, channel, username, token } = place;
    const isApi = token !== undefined;
    if (isApi && channel === undefined)
      throw new DeliveryError("configuration", "a Slack token needs spec.channel too");
    const body = {
      ...(channel === undefined ? {} : { channel }),
      ...(username === undefined ? {} : { username }),
      text: `*${escape(message.title)}*`,
      attachments: [attachmentOf(message)],
    };
    return {
      method: "POST",
      url: address,
      headers: {
        "content-type": "application/json; charset=utf-8",
        ...(isApi ? { authorization: `Bearer ${token}` } : {}),
      },
      body: JSON.stringify(body),
    };
  },
  /** The API answers 200 to what it refuses. */
  refusal(text, place: Place) {
    if (place.token === undefined) return undefined;
    let answer: { ok?: unknown; error?: unknown };
    try {
      answer = JSON.parse(text) as typeof answer;
    } catch {
      return new DeliveryError("unavailable", "Slack's answer is not JSON");
    }
    if (answer?.ok === true) return undefined;
    const error =
      typeof answer?.error === "string" ? answer.error.slice(0, 100) : "no reason given";
    const isBusy =
      /^(ratelimited|rate_limited|internal_error|fatal_error|service_unavailable)$/.test(error);
    return new DeliveryError(
      isBusy ? "unavailable" : "refused",
      `Slack refused the message: ${error}`,
    );
  },
};

function attachmentOf({ title, text, happening, facts, objects, link }: Message): object {
  const lines = objects.map(({ object, message }) => `• ${object}: ${message}`);
  return {
    color: COLOURS[happening.severity],
    fallback: escape(`${title}: ${text}`),
    text: escape([text, ...lines].join("\n")),
    ...(link === undefined ? {} : { title: escape(happening.reason), title_link: link }),
    mrkdwn_in: [],
    fields: facts.map(([name, value]) => ({
      title: escape(name),
      value: escape(value),
      short: value.length <= 40,
    })),
  };
}

/** The three characters that Slack gives a meaning to: without them there are no links and no mentions. */
function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
