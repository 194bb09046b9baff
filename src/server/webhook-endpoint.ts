/**
 * `POST /api/webhook` and `POST /hook/<digest>`: a push tells the Applications that follow its
 * repository to look again. What is told is a hint only: they read the repository themselves.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "../client/clock.ts";
import type { Logger } from "../client/logger.ts";
import { readBoundedBody } from "../engine/apiserver/http/bounded-body.ts";
import { ignoreStages, type StageObserver } from "../gitops/report/stage-metrics.ts";
import { Coalescer } from "../gitops/webhook/coalesce.ts";
import { concerns, type Followed } from "../gitops/webhook/concerns.ts";
import {
  MAX_WEBHOOK_BYTES,
  receiveWebhook,
  WEBHOOK_TIMEOUT_MS,
} from "../gitops/webhook/receive.ts";
import type { Receivers } from "../gitops/webhook/receivers.ts";
import type { Headers } from "../gitops/webhook/sender.ts";
import { sendText, type WebHandler } from "./web-listener.ts";

/** An Application, as far as a push can concern it. */
export interface Follower {
  readonly key: string;
  readonly sources: readonly Followed[];
  /** Its repository cannot be reached, and is asked again after a pause that no webhook shortens. */
  readonly isFailing: boolean;
}

export interface WebhookOptions {
  readonly clock: Clock;
  readonly secretOf: (provider: string) => string | undefined;
  readonly followers: () => Iterable<Follower>;
  readonly refresh: (keys: readonly string[]) => void;
  readonly onAnswer: (code: number) => void;
  readonly receivers?: Receivers;
  readonly observer?: StageObserver;
  readonly logger: Logger;
}
export interface WebhookEndpoint {
  /** `/api/webhook`: the sender is recognised by its headers. */
  readonly handle: WebHandler;
  /** `/hook/…`: the path says which Receiver it is for. */
  readonly handleReceiver: WebHandler;
  stop(): void;
}

/** Bodies in memory at once: far more senders than forges have, and 100 MB at most. */
const MAX_CONCURRENT = 32;
const RETRY_SECONDS = "5";

interface Reply {
  readonly code: number;
  readonly text: string;
}
type Judge = (headers: Headers, body: Buffer, signal: AbortSignal) => Promise<Reply>;

export function webhookEndpoint(options: WebhookOptions): WebhookEndpoint {
  const { clock, refresh, receivers, observer = ignoreStages, logger } = options;
  const coalescer = new Coalescer(clock, (key) => refresh([key]));
  let reading = 0;

  /** Tells whoever is concerned; several sources of one Application make one look. */
  const tell = (provider: string, keys: readonly string[], failing: number): Reply => {
    const now = keys.filter((key) => coalescer.ask(key));
    logger.info({ provider, applications: keys.length, failing }, "webhook received");
    const waits = failing === 0 ? "" : `; ${failing} wait until their repository can be reached`;
    const isNow = now.length > 0 || keys.length === 0;
    return {
      code: isNow ? 200 : 202,
      text: `ok: ${keys.length} applications look at their repository again${isNow ? "" : " shortly"}${waits}`,
    };
  };

  const judgeByHeaders: Judge = (headers, body) => {
    const received = receiveWebhook(headers, body, options.secretOf);
    if (received.code !== 200)
      return Promise.resolve({ code: received.code, text: received.message });
    const { push, provider } = received;
    if (push === undefined)
      return Promise.resolve({ code: 200, text: "ok: nothing to do for this event" });
    const concerned = [...options.followers()].filter(({ sources }) =>
      sources.some((source) => concerns(push, source)),
    );
    const keys = concerned.filter(({ isFailing }) => !isFailing).map(({ key }) => key);
    return Promise.resolve(tell(provider, keys, concerned.length - keys.length));
  };

  const judgeByPath =
    (path: string): Judge =>
    async (headers, body, signal) => {
      if (receivers === undefined) return { code: 404, text: "not found" };
      const verdict = await receivers.receive(path, headers, body, signal);
      if (verdict.code !== 200) return { code: verdict.code, text: verdict.message };
      const { selects, provider } = verdict;
      if (selects === undefined) return { code: 200, text: "ok: nothing to do for this event" };
      const concerned = [...options.followers()].filter(({ key }) => selects(key));
      const keys = concerned.filter(({ isFailing }) => !isFailing).map(({ key }) => key);
      return tell(provider, keys, concerned.length - keys.length);
    };

  const serve = async (
    request: IncomingMessage,
    response: ServerResponse,
    judge: Judge,
  ): Promise<void> => {
    const startedMs = performance.now();
    const answer = ({ code, text }: Reply): void => {
      options.onAnswer(code);
      observer.stage("webhook", code < 300 ? "success" : "failure", performance.now() - startedMs);
      if (code === 503 || code === 429) response.setHeader("retry-after", RETRY_SECONDS);
      sendText(response, code, `${text}\n`);
    };
    if (reading >= MAX_CONCURRENT) {
      request.resume();
      return answer({ code: 503, text: "too many webhooks at once: send it again" });
    }
    reading++;
    const gone = new AbortController();
    response.once("close", () => gone.abort(new Error("the sender went away")));
    try {
      const body = await readBoundedBody(request, {
        maxBytes: MAX_WEBHOOK_BYTES,
        timeoutMs: WEBHOOK_TIMEOUT_MS,
      });
      if (body === "gone") return;
      if (body === "too large")
        return answer({ code: 413, text: `the body is larger than ${MAX_WEBHOOK_BYTES} bytes` });
      if (body === "too slow") {
        response.setHeader("connection", "close");
        return answer({ code: 408, text: "the body took too long" });
      }
      const header = (name: string): string | undefined => {
        const value = request.headers[name];
        return Array.isArray(value) ? value[0] : value;
      };
      answer(await judge(header, body, gone.signal));
    } finally {
      reading--;
    }
  };

  return {
    handle: (request, response) => serve(request, response, judgeByHeaders),
    handleReceiver: (request, response) => {
      if (request.method !== "POST") {
        response.setHeader("allow", "POST");
        return sendText(response, 405, "method not allowed\n");
      }
      const path = (request.url ?? "/").split("?")[0] ?? "/";
      return serve(request, response, judgeByPath(path));
    },
    stop: () => coalescer.stop(),
  };
}
