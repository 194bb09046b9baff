/** Sends one parcel to a Provider: a message, a commit status or a comment. */
import type { Client } from "../../client/client.ts";
import type { Clock } from "../../client/clock.ts";
import type { Application } from "../../kube/kinds/application.ts";
import {
  COMMENT_TYPES,
  COMMIT_STATUS_TYPES,
  type CommentType,
  type CommitStatusType,
  MESSAGE_TYPES,
  type MessageType,
  type Provider,
} from "../../kube/kinds/provider.ts";
import { keyOf } from "../../kube/object.ts";
import type { CommitState } from "./commit-state.ts";
import { DeliveryError } from "./delivery-error.ts";
import { commentBody } from "./forges/comment-body.ts";
import { commitStatusRequest } from "./forges/commit-status.ts";
import { forgeAccess } from "./forges/forge.ts";
import { comment } from "./forges/pull-request-comment.ts";
import type { Happening } from "./happening.ts";
import { applicationLink } from "./links.ts";
import { messageOf, type Wording } from "./message.ts";
import { POSTS } from "./messages/posts.ts";
import { type ProviderAccess, providerAccess } from "./provider-access.ts";
import { openSession, redact, type Session } from "./session.ts";

export type Content =
  | {
      readonly kind: "message";
      readonly happening: Happening;
      readonly wording: Wording;
      readonly channel?: string | undefined;
    }
  | { readonly kind: "commit"; readonly application: Application; readonly state: CommitState };

export interface DeliveryOptions {
  readonly client: Client;
  readonly clock: Clock;
  /** Whether this machine itself may be told. */
  readonly allowLoopback: boolean;
}

/** Annotations that name the pull request an Application is a preview of, as in Flux. */
const PULL_REQUEST_ANNOTATIONS = [
  "event.gantry.dev/change_request",
  "event.toolkit.fluxcd.io/change_request",
];
/** Of a reason: what a status shows. */
const MAX_REASON_CHARACTERS = 500;

/** What a Provider is told about: happenings, or how commits fare. */
export function takesMessages({ spec }: Provider): boolean {
  return isOneOf(MESSAGE_TYPES, spec.type);
}

/** `not needed`: the Application has nothing to do with this Provider's repository. @throws DeliveryError */
export async function deliver(
  provider: Provider,
  content: Content,
  options: DeliveryOptions,
  signal: AbortSignal,
): Promise<"sent" | "not needed"> {
  const access = await providerAccess(provider, options.client, signal);
  const { clock, allowLoopback } = options;
  const session = await openSession({ ...access.session, allowLoopback, nowMs: () => clock.now() });
  try {
    if (content.kind === "message")
      return await post(provider, content, { access, session }, signal);
    return await tellForge(provider, content, { access, session }, signal);
  } catch (error) {
    throw error instanceof DeliveryError ? shown(error, access) : error;
  } finally {
    await session.close();
  }
}

interface Way {
  readonly access: ProviderAccess;
  readonly session: Session;
}

async function post(
  { spec }: Provider,
  { happening, wording, channel }: Content & { kind: "message" },
  { access, session }: Way,
  signal: AbortSignal,
): Promise<"sent"> {
  const { request, refusal, defaultAddress } = POSTS[spec.type as MessageType];
  const address = access.address ?? defaultAddress;
  const place = { ...access.place, address: requireAddress(address) };
  const answer = await session.send(
    request(messageOf(happening, wording), {
      ...place,
      ...(channel === undefined ? {} : { channel }),
    }),
    signal,
  );
  const refused = refusal?.(answer.text, place);
  if (refused !== undefined) throw refused;
  return "sent";
}

async function tellForge(
  { spec }: Provider,
  { application, state }: Content & { kind: "commit" },
  { access, session }: Way,
  signal: AbortSignal,
): Promise<"sent" | "not needed"> {
  const { type } = spec;
  const forge = forgeAccess(application, requireAddress(access.address), access.credentials);
  const commit = forge === undefined ? undefined : commitOf(application, state, forge.sourceIndex);
  if (forge === undefined || commit === undefined) return "not needed";
  const name = keyOf(application);
  if (isOneOf(COMMENT_TYPES, type)) {
    const annotations = application.metadata.annotations ?? {};
    const pullRequest = PULL_REQUEST_ANNOTATIONS.map((key) => annotations[key]).find(Boolean);
    const body = (marker: string): string => commentBody(application, state, marker);
    const asked = { name, revision: commit, pullRequest, body };
    await comment(type as CommentType, forge, session, asked, signal);
    return "sent";
  }
  const status = {
    ...state,
    revision: commit,
    context: `gantry/${name}`,
    link: applicationLink(application),
  };
  try {
    await session.send(commitStatusRequest(type as CommitStatusType, forge, status), signal);
  } catch (error) {
    if (!isKnownToGitLab(error, type)) throw error;
  }
  return "sent";
}

/** Which commit of one source the state is about; undefined for revisions that are no commits. */
function commitOf(
  { status }: Application,
  { revision }: CommitState,
  sourceIndex: number,
): string | undefined {
  const { sync } = status ?? {};
  const own = sync?.revision === revision ? sync.revisions?.[sourceIndex] : undefined;
  const commit = own ?? (sourceIndex === 0 ? revision : undefined);
  return commit !== undefined && /^[0-9a-f]{40}([0-9a-f]{24})?$/.test(commit) ? commit : undefined;
}

/** GitLab refuses a status that the commit has already. */
const isKnownToGitLab = (error: unknown, type: string): boolean =>
  type === "gitlab" &&
  error instanceof DeliveryError &&
  error.status === 400 &&
  error.message.includes("Cannot transition status");

function requireAddress(address: string | undefined): string {
  if (address !== undefined) return address;
  throw new DeliveryError("configuration", "neither the Provider nor its Secret has an address");
}

/** The same error without anything that the Provider's Secrets hold. */
function shown(error: DeliveryError, { session }: ProviderAccess): DeliveryError {
  const message = redact(error.message, session.secrets).slice(0, MAX_REASON_CHARACTERS);
  const { code, retryAfterMs, status } = error;
  return new DeliveryError(code, message, {
    retryAfterMs,
    ...(status === undefined ? {} : { status }),
  });
}

function isOneOf(types: readonly string[], type: string): boolean {
  return types.includes(type);
}

/** Every type is told in one of three ways; a type that is in none could not be stored. */
export const isForge = ({ spec }: Provider): boolean =>
  isOneOf(COMMIT_STATUS_TYPES, spec.type) || isOneOf(COMMENT_TYPES, spec.type);
