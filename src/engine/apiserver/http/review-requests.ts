/** POST of a review: a question that is answered and not stored. */
import { StatusError } from "../../../kube/status-error.ts";
import type { ApiServer } from "../api-server.ts";
import type { UserInfo } from "../request-context.ts";
import { findReview } from "../reviews/review-kinds.ts";
import {
  decodeBody,
  type HttpRequest,
  mediaType,
  readBody,
  requireObject,
} from "./request-body.ts";
import type { ResourcePath } from "./request-path.ts";
import { type HttpResponse, sendBytes } from "./response.ts";

/** False when the path is none of a review's. Throws 405 for anything but a creation. */
export async function answerReviewRequest(
  api: ApiServer,
  path: ResourcePath,
  user: UserInfo,
  request: HttpRequest,
  response: HttpResponse,
): Promise<boolean> {
  const { group, version, plural, namespace, name } = path;
  const kind = findReview(group, version, plural);
  if (kind === undefined || name !== undefined) return false;
  if ((namespace !== undefined) !== kind.namespaced) return false;
  if (request.method !== "POST")
    throw StatusError.of(
      "MethodNotAllowed",
      "the server does not allow this method on the requested resource",
    );
  const { value } = await decodeBody(await readBody(request), mediaType(request));
  const { json } = api.review({ user }, { kind, namespace }, requireObject(value));
  sendBytes(response, 201, json);
  return true;
}
