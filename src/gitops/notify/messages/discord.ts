/** Discord: an incoming webhook, with an embed. Nobody is mentioned, whatever a commit says. */
import { cut } from "../message.ts";
import type { Post } from "./post.ts";

/** Green and red, as decimal RGB. */
const COLOURS = { info: 3_066_993, error: 15_158_332 } as const;
/** Discord's limits of an embed. */
const MAX_TITLE = 256;
const MAX_DESCRIPTION = 4_096;
const MAX_FIELD_NAME = 256;
const MAX_FIELD_VALUE = 1_024;
const MAX_USERNAME = 80;

export const discord: Post = {
  request({ title, text, happening, facts, objects, link }, { address, username, channel }) {
    const lines = objects.map(({ object, message }) => `• ${object}: ${message}`);
    const body = {
      ...(username === undefined ? {} : { username: cut(username, MAX_USERNAME) }),
      allowed_mentions: { parse: [] },
      embeds: [
        {
          title: cut(plain(title), MAX_TITLE),
          description: cut(plain([text, ...lines].join("\n")), MAX_DESCRIPTION),
          color: COLOURS[happening.severity],
          ...(link === undefined ? {} : { url: link }),
          fields: facts.map(([name, value]) => ({
            name: cut(name, MAX_FIELD_NAME),
            value: cut(plain(value), MAX_FIELD_VALUE),
            inline: value.length <= 40,
          })),
        },
      ],
    };
    const url = new URL(address);
    if (channel !== undefined) url.searchParams.set("thread_id", channel);
    return {
      method: "POST",
      url: url.href,
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    };
  },
};

/** Without what would be read as markup: a link may not hide where it leads. */
const plain = (text: string): string => text.replace(/[\\`*_~|[\]()<>]/g, "\\$&");
