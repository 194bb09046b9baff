/** Microsoft Teams: an Adaptive Card to the webhook of a workflow. */
import type { Post } from "./post.ts";

/** The newest that Teams shows everywhere. */
const CARD_VERSION = "1.4";

export const msteams: Post = {
  request({ title, text, happening, facts, objects, link }, { address }) {
    const content = {
      $schema: "http://adaptivecards.io/schemas/adaptive-card.json",
      type: "AdaptiveCard",
      version: CARD_VERSION,
      msteams: { width: "Full" },
      body: [
        block(title, { size: "large", weight: "bolder" }),
        block(text, { color: happening.severity === "error" ? "attention" : "default" }),
        ...objects.map(({ object, message }) =>
          block(`${object}: ${message}`, { spacing: "small" }),
        ),
        {
          type: "FactSet",
          facts: facts.map(([name, value]) => ({ title: plain(name), value: plain(value) })),
        },
      ],
      ...(link === undefined
        ? {}
        : { actions: [{ type: "Action.OpenUrl", title: "Open", url: link }] }),
    };
    const body = {
      type: "message",
      attachments: [
        { contentType: "application/vnd.microsoft.card.adaptive", contentUrl: null, content },
      ],
    };
    return {
      method: "POST",
      url: address,
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    };
  },
};

function block(text: string, style: object): object {
  return { type: "TextBlock", text: plain(text), wrap: true, ...style };
}

/** Text blocks read Markdown: without brackets there are no links that hide where they lead. */
const plain = (text: string): string => text.replace(/[\\[\]()<>*_`]/g, "\\$&");
