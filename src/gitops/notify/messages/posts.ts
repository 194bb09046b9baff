/** Every kind of provider that takes messages. */
import type { MessageType } from "../../../kube/kinds/provider.ts";
import { discord } from "./discord.ts";
import { generic, genericHmac } from "./generic.ts";
import { msteams } from "./msteams.ts";
import type { Post } from "./post.ts";
import { slack } from "./slack.ts";

export const POSTS: Readonly<Record<MessageType, Post>> = {
  slack,
  msteams,
  discord,
  generic,
  "generic-hmac": genericHmac,
};
