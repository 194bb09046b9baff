/** `POST /api/webhook`: a push tells the Applications that follow its repository to look again. */
import type { Logger } from "../client/logger.ts";
import { readBoundedBody } from "../engine/apiserver/http/bounded-body.ts";
import {
  concerns,
  MAX_WEBHOOK_BYTES,
  receiveWebhook,
  WEBHOOK_TIMEOUT_MS,
} from "../gitops/webhook/receive.ts";
import { sendText, type WebHandler } from "./web-listener.ts";

/** An Application, as far as a push can concern it. */
export interface Follower {
  readonly key: string;
  readonly repoURL: string;
  readonly revision: string;
}

export interface WebhookOptions {
  readonly secretOf: (provider: string) => string | undefined;
  readonly followers: () => Iterable<Follower>;
  readonly refresh: (keys: readonly string[]) => void;
  readonly onAnswer: (code: number) => void;
  readonly logger: Logger;
}

export function webhookEndpoint(options: WebhookOptions): WebHandler {
  return async (request, response) => {
    const answer = (code: number, text: string): void => {
      options.onAnswer(code);
      sendText(response, code, `${text}\n`);
    };
    const body = await readBoundedBody(request, {
      maxBytes: MAX_WEBHOOK_BYTES,
      timeoutMs: WEBHOOK_TIMEOUT_MS,
    });
    if (body === "gone") return;
    if (body === "too large")
      return answer(413, `the body is larger than ${MAX_WEBHOOK_BYTES} bytes`);
    if (body === "too slow") {
      response.setHeader("connection", "close");
      return answer(408, "the body took too long");
    }
    const header = (name: string): string | undefined => {
      const value = request.headers[name];
      return Array.isArray(value) ? value[0] : value;
    };
    const received = receiveWebhook(header, body, options.secretOf);
    if (received.code !== 200) return answer(received.code, received.message);
    const { push, provider } = received;
    if (push === undefined) return answer(200, "ok: nothing to do for this event");
    const keys = [...options.followers()]
      .filter((follower) => concerns(push, follower.repoURL, follower.revision))
      .map((follower) => follower.key);
    options.refresh(keys);
    options.logger.info({ provider, applications: keys.length }, "webhook received");
    return answer(200, `ok: ${keys.length} applications look at their repository again`);
  };
}
