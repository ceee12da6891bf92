CREATE TABLE users (
  id uuid PRIMARY KEY,
  name text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9_]{3,30}$'),
  password text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE posts (
  id uuid PRIMARY KEY,
  author uuid NOT NULL REFERENCES users (id),
  body text NOT NULL CHECK (char_length(body) BETWEEN 1 AND 2000),
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX posts_newest ON posts (created_at DESC, id DESC);
CREATE INDEX posts_of_author ON posts (author, created_at DESC, id DESC);

CREATE TABLE follows (
  follower uuid NOT NULL REFERENCES users (id),
  followed uuid NOT NULL REFERENCES users (id),
  PRIMARY KEY (follower, followed),
  CHECK (follower <> followed)
);

CREATE TABLE messages (
  id uuid PRIMARY KEY,
  sender uuid NOT NULL REFERENCES users (id),
  recipient uuid NOT NULL REFERENCES users (id),
  body text NOT NULL CHECK (char_length(body) BETWEEN 1 AND 500),
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX messages_between ON messages (
  least(sender, recipient), greatest(sender, recipient), created_at DESC, id DESC
);
