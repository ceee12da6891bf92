/** What users of the sample application's API do, and in which shares. Data: each share says where it comes from. */

/** `message` goes over WebSockets and ends when the recipient has it; the others are HTTP requests. */
export const kinds = ["newest", "feed", "conversation", "post", "message"] as const;

export type Kind = (typeof kinds)[number];

export type Share = { readonly share: number; readonly what: string; readonly source: string };

/** The capacity plan counts calls but does not tell reads from writes. */
const readShare = 0.9;
const reads = "assumption: nine of ten calls of a social network read; no measurement yet";

/** "Database Growth": 10 posts and 50 messages per user. */
const written = { posts: 10, messages: 50 };
const writes = "capacity plan, Database Growth: 10 posts and 50 messages per user share the tenth that writes";
const writeShare = (count: number): number => ((1 - readShare) * count) / (written.posts + written.messages);

export const mix = {
  newest: { share: readShare * 0.3, what: "GET /api/posts, which edge and load balancer may cache", source: reads },
  feed: { share: readShare * 0.5, what: "GET /api/feed", source: reads },
  conversation: { share: readShare * 0.2, what: "GET /api/messages/:name", source: reads },
  post: { share: writeShare(written.posts), what: "POST /api/posts", source: writes },
  message: {
    share: writeShare(written.messages),
    what: "a message over WebSocket, until the recipient has it",
    source: writes,
  },
} as const satisfies Record<Kind, Share>;

/** The kind a number of [0, 1) falls on. */
export function kindAt(point: number): Kind {
  let upTo = 0;
  for (const kind of kinds) {
    upTo += mix[kind].share;
    if (point < upTo) return kind;
  }
  return "newest";
}
