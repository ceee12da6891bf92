/** A person on the platform: registers, posts, and finds the posts again. */
import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import type { Stage } from "./stage.ts";

export type Person = {
  readonly name: string;
  /** Posts, and returns the post's id. */
  post(text: string): Promise<string>;
  /** The text of a post, as everybody can read it. */
  read(id: string): Promise<string>;
  /** Whether the session is still known, which Redis holds. */
  isLoggedIn(): Promise<boolean>;
};

export async function registerPerson(stage: Stage): Promise<Person> {
  const name = `p${randomBytes(6).toString("hex")}`;
  const body = { name, password: randomBytes(12).toString("hex") };
  const registered = await stage.visit("/api/auth/register", { method: "POST", body });
  assert.equal(registered.status, 201, registered.text);
  const { token } = JSON.parse(registered.text) as { readonly token: string };
  const headers = { authorization: `Bearer ${token}` };
  return {
    name,
    async post(text) {
      const id = randomUUID();
      const posted = await stage.visit("/api/posts", { method: "POST", headers, body: { id, body: text } });
      assert.equal(posted.status, 201, posted.text);
      return id;
    },
    async read(id) {
      const found = await stage.visit(`/api/posts/${id}`);
      assert.equal(found.status, 200, found.text);
      return (JSON.parse(found.text) as { readonly body: string }).body;
    },
    isLoggedIn: async () => (await stage.visit("/api/me", { headers })).status === 200,
  };
}
