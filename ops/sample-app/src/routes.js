import { randomUUID } from "node:crypto";
import { read } from "./database.js";
import { bearer, hashPassword, verifyPassword } from "./sessions.js";

const name = { type: "string", pattern: "^[a-z0-9_]{3,30}$" };
const password = { type: "string", minLength: 10, maxLength: 200 };
const uuid = { type: "string", format: "uuid" };
const page = { type: "object", properties: { before: { type: "string", format: "date-time" } } };

const body = (properties, required) => ({
  body: { type: "object", properties, required, additionalProperties: false },
});

const pageSize = 50;

/** HTTP routes of the application; `deps` are its connections. */
export function registerRoutes(app, deps) {
  const authenticate = async (request, reply) => {
    const token = bearer(request.headers.authorization);
    const user = token === null ? null : await deps.sessions.find(token);
    if (user === null) return reply.code(401).send({ error: "log in first" });
    request.user = user;
    request.token = token;
  };
  registerAccounts(app, deps, authenticate);
  registerPosts(app, deps, authenticate);
  registerPeople(app, deps, authenticate);
}

function registerAccounts(app, { pool, sessions }, authenticate) {
  const credentials = body({ name, password }, ["name", "password"]);

  app.post("/api/auth/register", { schema: credentials }, async (request, reply) => {
    const user = { id: randomUUID(), name: request.body.name };
    const { rowCount } = await pool.query({
      name: "register",
      text: "INSERT INTO users (id, name, password) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING",
      values: [user.id, user.name, await hashPassword(request.body.password)],
    });
    if (rowCount === 0) return reply.code(409).send({ error: "the name is taken" });
    return reply.code(201).send({ user, token: await sessions.open(user) });
  });

  app.post("/api/auth/login", { schema: credentials }, async (request, reply) => {
    const { rows } = await read(pool, {
      name: "login",
      text: "SELECT id, name, password FROM users WHERE name = $1",
      values: [request.body.name],
    });
    const [row] = rows;
    if (row === undefined || !(await verifyPassword(request.body.password, row.password))) {
      return reply.code(401).send({ error: "name or password is wrong" });
    }
    const user = { id: row.id, name: row.name };
    return { user, token: await sessions.open(user) };
  });

  app.post("/api/auth/logout", { preHandler: authenticate }, async (request, reply) => {
    await sessions.close(request.token);
    return reply.code(204).send();
  });

  app.get("/api/me", { preHandler: authenticate }, async (request) => ({ user: request.user }));
}

function registerPosts(app, { pool }, authenticate) {
  // A client that names the post itself may repeat the request after a lost answer: the second one changes nothing.
  const post = body({ id: uuid, body: { type: "string", minLength: 1, maxLength: 2_000 } }, ["body"]);

  app.post("/api/posts", { schema: post, preHandler: authenticate }, async (request, reply) => {
    const id = request.body.id ?? randomUUID();
    await pool.query({
      name: "post",
      text: "INSERT INTO posts (id, author, body) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING",
      values: [id, request.user.id, request.body.body],
    });
    return reply.code(201).send({ id });
  });

  app.get("/api/posts", { schema: { querystring: page } }, async (request, reply) => {
    const { rows } = await read(pool, {
      name: "newest-posts",
      text: `SELECT p.id, u.name AS author, p.body, p.created_at FROM posts p JOIN users u ON u.id = p.author
        WHERE p.created_at < $1 ORDER BY p.created_at DESC, p.id DESC LIMIT ${pageSize}`,
      values: [request.query.before ?? "infinity"],
    });
    // The same for everybody: the load balancer may answer a second's readers with one query.
    reply.header("cache-control", "public, max-age=1");
    return { posts: rows };
  });

  app.get(
    "/api/posts/:id",
    { schema: { params: { type: "object", properties: { id: uuid } } } },
    async (request, reply) => {
      const { rows } = await read(pool, {
        name: "one-post",
        text: "SELECT p.id, u.name AS author, p.body, p.created_at FROM posts p JOIN users u ON u.id = p.author WHERE p.id = $1",
        values: [request.params.id],
      });
      return rows[0] ?? reply.code(404).send({ error: "no such post" });
    },
  );

  app.get("/api/feed", { schema: { querystring: page }, preHandler: authenticate }, async (request) => {
    const { rows } = await read(pool, {
      name: "feed",
      text: `SELECT p.id, u.name AS author, p.body, p.created_at
        FROM follows f JOIN posts p ON p.author = f.followed JOIN users u ON u.id = p.author
        WHERE f.follower = $1 AND p.created_at < $2 ORDER BY p.created_at DESC, p.id DESC LIMIT ${pageSize}`,
      values: [request.user.id, request.query.before ?? "infinity"],
    });
    return { posts: rows };
  });
}

function registerPeople(app, { pool }, authenticate) {
  const params = { params: { type: "object", properties: { name } } };

  app.put("/api/follows/:name", { schema: params, preHandler: authenticate }, async (request, reply) => {
    const { rowCount } = await pool.query({
      name: "follow",
      text: `INSERT INTO follows (follower, followed) SELECT $1, id FROM users WHERE name = $2 AND id <> $1
        ON CONFLICT (follower, followed) DO UPDATE SET followed = EXCLUDED.followed`,
      values: [request.user.id, request.params.name],
    });
    return rowCount === 0 ? reply.code(404).send({ error: "no such person" }) : reply.code(204).send();
  });

  app.get("/api/messages/:name", { schema: params, preHandler: authenticate }, async (request) => {
    const { rows } = await read(pool, {
      name: "messages",
      text: `SELECT m.id, s.name AS sender, r.name AS recipient, m.body, m.created_at
        FROM users o JOIN messages m ON least(m.sender, m.recipient) = least(o.id, $1)
          AND greatest(m.sender, m.recipient) = greatest(o.id, $1)
        JOIN users s ON s.id = m.sender JOIN users r ON r.id = m.recipient
        WHERE o.name = $2 ORDER BY m.created_at DESC, m.id DESC LIMIT ${pageSize}`,
      values: [request.user.id, request.params.name],
    });
    return { messages: rows };
  });
}
