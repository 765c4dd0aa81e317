// An ActivityPub server on Fedify that shares no code with the bridge: what it reads is what other servers read, and every
// signature is made and verified by Fedify.
//
// node fedify.mjs [--port N] [--secure] [--first-knock SCHEME] [--only SCHEME] NAME…      `--only` answers 401 to what is posted with
// another signature, or none; `--secure` refuses actors and posts to unsigned requests,
// as GoToSocial does; SCHEME is rfc9421 or draft-cavage-http-signatures-12. Everything is in memory, on plain http, on loopback.
// Commands are the functions of `commands` below; `as` is always the name of one of its people.

import { AsyncLocalStorage } from "node:async_hooks";
import { createServer } from "node:http";
import { parseArgs } from "node:util";
import {
  createExponentialBackoffPolicy,
  createFederation,
  generateCryptoKeyPair,
  InProcessMessageQueue,
  MemoryKvStore,
  signRequest,
} from "@fedify/fedify";
import * as AS from "@fedify/fedify/vocab";
import { Conversation, plain, plainActivity } from "./fedify-reading.mjs";
import { Changes, serve } from "./lines.mjs";

const PUBLIC = AS.PUBLIC_COLLECTION.href;
const CONTEXT = [
  "https://www.w3.org/ns/activitystreams",
  "https://w3id.org/security/v1",
  {
    sensitive: "as:sensitive",
    Hashtag: "as:Hashtag",
    litepub: "http://litepub.social/ns#",
    EmojiReact: "litepub:EmojiReact",
    toot: "http://joinmastodon.org/ns#",
    Emoji: "toot:Emoji",
  },
];

const { values: flags, positionals: names } = parseArgs({
  allowPositionals: true,
  options: { port: { type: "string", default: "0" }, secure: { type: "boolean" }, "first-knock": { type: "string" }, only: { type: "string" } },
});

// WebFinger asks by https only (RFC 7033), and nobody here has a certificate.
const fetchAsIs = globalThis.fetch;
globalThis.fetch = (input, init) => {
  const loopback = (input instanceof URL || typeof input === "string") && /^https:\/\/127\.0\.0\.1[:/]/.test(String(input));
  return fetchAsIs(loopback ? String(input).replace("https:", "http:") : input, init);
};

const changes = new Changes();
const people = new Map();
const documents = new Map();
const files = new Map();
const received = [];
const refused = [];
const conversation = new Conversation();
const request = new AsyncLocalStorage();
let origin;
let count = 0;

const federation = createFederation({
  kv: new MemoryKvStore(),
  // The inbox has no queue: an activity is recorded before its sender is answered.
  queue: { outbox: new InProcessMessageQueue({ pollInterval: { milliseconds: 100 } }) },
  allowPrivateAddress: true,
  circuitBreaker: false,
  firstKnock: flags["first-knock"] ?? "rfc9421",
  // A peer that was killed comes back within seconds here, and nothing may be lost meanwhile.
  outboxRetryPolicy: createExponentialBackoffPolicy({
    initialDelay: { milliseconds: 500 },
    maxDelay: { milliseconds: 500 },
    maxAttempts: 600,
    jitter: false,
  }),
});

function person(name) {
  const found = people.get(name);
  if (found === undefined) throw new Error(`nobody here is called ${name}; there are ${[...people.keys()].join(", ")}`);
  return found;
}

const context = () => federation.createContext(new URL(origin), undefined);

async function loaders(name) {
  const own = context();
  const documentLoader = name === undefined ? own.documentLoader : await own.getDocumentLoader({ identifier: name });
  return { documentLoader, contextLoader: own.contextLoader };
}

// ------------------------------------------------------------------------------------------------------------ what it serves

async function actorFor(own, identifier) {
  const found = person(identifier);
  const pairs = await own.getActorKeyPairs(identifier);
  return new AS.Person({
    id: own.getActorUri(identifier),
    preferredUsername: identifier,
    name: found.display,
    summary: found.summary,
    ...(found.icon === undefined ? {} : { icon: new AS.Image({ url: new URL(found.icon) }) }),
    url: new URL(`/@${identifier}`, origin),
    inbox: own.getInboxUri(identifier),
    outbox: own.getOutboxUri(identifier),
    followers: own.getFollowersUri(identifier),
    following: own.getFollowingUri(identifier),
    endpoints: new AS.Endpoints({ sharedInbox: own.getInboxUri() }),
    manuallyApprovesFollowers: false,
    publicKey: pairs[0].cryptographicKey,
    assertionMethods: pairs.map((pair) => pair.multikey),
  });
}

federation
  .setActorDispatcher("/users/{identifier}", (own, identifier) => {
    const found = people.get(identifier);
    if (found === undefined) return null;
    return found.gone ? new AS.Tombstone({ id: own.getActorUri(identifier) }) : actorFor(own, identifier);
  })
  .setKeyPairsDispatcher((_, identifier) => people.get(identifier)?.keys ?? [])
  .mapHandle((_, username) => (people.has(username) ? username : null))
  .authorize(async (own) => !flags.secure || (await own.getSignedKeyOwner()) !== null);

federation.setObjectDispatcher(AS.Note, "/users/{identifier}/posts/{number}", async (own, { identifier, number }) => {
  const found = documents.get(own.getObjectUri(AS.Note, { identifier, number }).href);
  return found?.type === "Note" ? AS.Note.fromJsonLd(found, await loaders()) : null;
});

federation.setOutboxDispatcher("/users/{identifier}/outbox", async (_, identifier) => {
  const own = [...documents.values()].filter((one) => one.actor === person(identifier).id && (one.to ?? []).includes(PUBLIC));
  return { items: await Promise.all(own.map(async (one) => AS.Activity.fromJsonLd(one, await loaders()))) };
});
federation.setFollowersDispatcher("/users/{identifier}/followers", (_, identifier) => ({ items: [...person(identifier).followers.values()] }));
federation.setFollowingDispatcher("/users/{identifier}/following", (_, identifier) => {
  const all = [...person(identifier).following];
  return { items: all.filter(([, state]) => state === "accepted").map(([id]) => new URL(id)) };
});

federation
  .setInboxListeners("/users/{identifier}/inbox", "/inbox")
  .setSharedKeyDispatcher(() => ({ identifier: names[0] }))
  .on(AS.Activity, take)
  .onUnverifiedActivity((_, activity, reason) => {
    refused.push({ id: activity.id?.href ?? null, why: reason.type, key: reason.keyId?.href ?? null });
    changes.changed();
  })
  .onError((_, error) => process.stderr.write(`inbox: ${error.stack}\n`));

async function take(own, activity) {
  const options = { documentLoader: own.documentLoader, contextLoader: own.contextLoader };
  const { raw, path, scheme } = request.getStore();
  const read = await plainActivity(activity, options);
  if (activity instanceof AS.Follow) await accept(own, activity, options);
  if (activity instanceof AS.Accept || activity instanceof AS.Reject) {
    const follow = await activity.getObject(options);
    const state = activity instanceof AS.Accept ? "accepted" : "rejected";
    for (const one of people.values()) if (one.id === follow?.actorId?.href && read.actor === follow.objectId?.href) one.following.set(read.actor, state);
  }
  if (activity instanceof AS.Undo && read.inner?.type === "Follow" && read.inner.actor === read.actor) {
    for (const one of people.values()) if (one.id === read.inner.object) one.followers.delete(read.actor);
  }
  conversation.apply(read);
  received.push({ number: received.length + 1, at: path, scheme, ...read, raw });
  changes.changed();
}

async function accept(own, follow, options) {
  const name = own.parseUri(follow.objectId)?.identifier;
  const actor = await follow.getActor(options);
  if (!people.has(name) || !AS.isActor(actor)) return;
  people.get(name).followers.set(actor.id.href, { id: actor.id, inboxId: actor.inboxId, endpoints: actor.endpoints });
  const id = new URL(`/activities/${++count}`, origin);
  await own.sendActivity({ identifier: name }, actor, new AS.Accept({ id, actor: follow.objectId, object: follow }));
}

const server = createServer(async (incoming, outgoing) => {
  const chunks = [];
  for await (const chunk of incoming) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const url = new URL(incoming.url, origin);
  const answer = await answered(incoming, url, body);
  outgoing.writeHead(answer.status, Object.fromEntries(answer.headers));
  outgoing.end(Buffer.from(await answer.arrayBuffer()));
});

async function answered(incoming, url, body) {
  const found = incoming.method === "GET" ? documents.get(url.href) : undefined;
  const file = files.get(url.href);
  if (file !== undefined) return new Response(file.body, { status: 200, headers: { "content-type": file.type } });
  const json = (status, value) => new Response(JSON.stringify(value), { status, headers: { "content-type": "application/activity+json" } });
  if (found?.type === "Tombstone") return json(410, { "@context": CONTEXT, ...found });
  if (found !== undefined && found.type !== "Note") return json(200, found);
  let raw = null;
  try {
    raw = body.length > 0 ? JSON.parse(body.toString()) : null;
  } catch {
    // Fedify refuses it by itself.
  }
  const scheme = "signature-input" in incoming.headers ? "rfc9421" : "signature" in incoming.headers ? "draft-cavage-http-signatures-12" : null;
  if (flags.only !== undefined && incoming.method === "POST" && scheme !== flags.only) return new Response("", { status: 401 });
  const asked = new Request(url, { method: incoming.method, headers: Object.entries(incoming.headers), body: body.length > 0 ? body : undefined });
  const notFound = () => new Response("There is nothing here.", { status: 404 });
  const run = () => federation.fetch(asked, { contextData: undefined, onNotFound: notFound, onNotAcceptable: () => new Response("", { status: 406 }) });
  return request.run({ raw, path: url.pathname, scheme }, run);
}

// ------------------------------------------------------------------------------------------------------------ what its people do

/** Resolves an actor's URL or handle; throws when Fedify finds no actor there. */
async function actorOf(name, what) {
  const found = await context().lookupObject(what, await loaders(name));
  if (!AS.isActor(found)) throw new Error(`${what} is ${found === null ? "nothing that Fedify can read" : "no actor"}`);
  return found;
}

/** The actors behind these URLs who are on other servers. */
async function inboxesOf(name, urls) {
  const others = [...new Set(urls)].filter((url) => url !== PUBLIC && !url.startsWith(`${origin}/`));
  return Promise.all(others.map((url) => actorOf(name, url)));
}

/**
 * Signs and sends one activity to its recipients and to followers; answers with the activity's id. It is sent before the command
 * answers, and a recipient's refusal is the command's error; with `later` it goes through Fedify's queue, which tries again.
 */
async function send(name, activity, recipients, { followers = false, later = false } = {}) {
  const { id, keys: _, followers: known } = person(name);
  const number = ++count;
  const whole = { "@context": CONTEXT, id: `${origin}/activities/${number}`, actor: id, ...activity };
  // Served too: Fedify and others ask an activity's own server for one that somebody else's activity carries, such as Accept{Follow}.
  documents.set(whole.id, whole);
  const parsed = await AS.Activity.fromJsonLd(whole, await loaders());
  const all = [...recipients, ...(followers ? known.values() : [])].filter((one) => !one.id.href.startsWith(`${origin}/`));
  const inner = typeof whole.object === "string" ? whole.object : (whole.object?.id ?? whole.id);
  const options = { immediate: !later, preferSharedInbox: true, fanout: "skip", orderingKey: inner };
  await context().sendActivity({ identifier: name }, all, parsed, options);
  conversation.apply(await plainActivity(parsed, await loaders()));
  return whole.id;
}

function addressed(name, audience, mentions, group) {
  const followers = `${person(name).id}/followers`;
  const named = [...new Set([...mentions, ...(group === undefined ? [] : [group])])];
  if (audience === "public") return { to: [PUBLIC], cc: [followers, ...named] };
  if (audience === "unlisted") return { to: [followers], cc: [PUBLIC, ...named] };
  if (audience === "followers") return { to: [followers], cc: named };
  if (audience === "direct") return { to: named, cc: [] };
  throw new Error(`no audience ${audience}; there are public, unlisted, followers, direct`);
}

const reaches = ({ to, cc }) => [...to, ...cc].some((one) => one === PUBLIC || one.endsWith("/followers"));

function owned(name, post) {
  const found = documents.get(post);
  if (found?.type !== "Note" || found.attributedTo !== person(name).id) throw new Error(`${post} is no post of ${name}'s`);
  return found;
}

/** Who must hear of a deed on a post: its author, and those to whom one's own post went. */
async function concerned(name, post) {
  const own = documents.get(post);
  if (own !== undefined) return inboxesOf(name, [...own.to, ...own.cc].filter((one) => !one.endsWith("/followers")));
  const found = await context().lookupObject(post, await loaders(name));
  if (found?.attributionId == null) throw new Error(`${post} is nothing that Fedify can read`);
  return inboxesOf(name, [found.attributionId.href]);
}

async function mark(name, type, post, { to, content, tag, later }) {
  const recipients = [...(await concerned(name, post)), ...(await inboxesOf(name, to ?? []))];
  const rest = { ...(content === undefined ? {} : { content }), ...(tag === undefined ? {} : { tag }) };
  return send(name, { type, object: post, to: recipients.map((one) => one.id.href), ...rest }, recipients, { later });
}

const first = (list, wanted) =>
  list.filter((one) => {
    if (wanted.after !== undefined && one.number <= wanted.after) return false;
    if (wanted.inner !== undefined && one.inner?.type !== wanted.inner) return false;
    if (wanted.by !== undefined && one.inner?.actor !== wanted.by) return false;
    if (wanted.contains !== undefined && !JSON.stringify(one.raw).includes(wanted.contains)) return false;
    return ["type", "actor", "object", "id"].every((field) => wanted[field] === undefined || one[field] === wanted[field]);
  });

const commands = {
  /** {as, actor} with a URL or a handle → id of the Follow. */
  async follow({ as, actor }) {
    const found = await actorOf(as, actor);
    person(as).following.set(found.id.href, "asked");
    return send(as, { type: "Follow", object: found.id.href, to: [found.id.href] }, [found]);
  },

  /** {as, actor, seconds?}: answers once the other side has accepted. */
  until_following({ as, actor, seconds = 20 }) {
    const find = () => (person(as).following.get(actor) === "accepted" ? true : undefined);
    return changes.until(find, seconds, () => `${actor} accepting ${as}; now ${JSON.stringify([...person(as).following])}`);
  },

  /** {as, actor, follow} with the Follow's id → id of the Undo. */
  async unfollow({ as, actor, follow }) {
    const found = await actorOf(as, actor);
    person(as).following.delete(found.id.href);
    const object = { id: follow, type: "Follow", actor: person(as).id, object: found.id.href };
    return send(as, { type: "Undo", object, to: [found.id.href] }, [found]);
  },

  /**
   * {as, content, audience?, mentions?, group?, reply?, warning?, title?, language?, attachments?, later?} → {post, activity}.
   * `content` is HTML; `mentions` and `group` are actor ids: both are addressed, the former also tagged; `reply` is a post's URL.
   */
  async post({ as, content, audience = "public", mentions = [], group, reply, warning, language, attachments = [], later }) {
    const number = ++count;
    const id = `${origin}/users/${as}/posts/${number}`;
    const address = addressed(as, audience, mentions, group);
    const recipients = await inboxesOf(as, [...mentions, ...(group === undefined ? [] : [group])]);
    if (reply !== undefined && documents.get(reply) === undefined) recipients.push(...(await concerned(as, reply)));
    const tags = await Promise.all(mentions.map(async (href) => ({ type: "Mention", href, name: await handleOf(as, href) })));
    const published = new Date().toISOString();
    const note = {
      id,
      type: "Note",
      attributedTo: person(as).id,
      content,
      ...(language === undefined ? {} : { contentMap: { [language]: content } }),
      ...(warning === undefined ? {} : { summary: warning, sensitive: true }),
      ...(reply === undefined ? {} : { inReplyTo: reply }),
      ...(group === undefined ? {} : { audience: group }),
      ...(attachments.length === 0 ? {} : { attachment: attachments }),
      ...address,
      published,
      url: `${origin}/@${as}/${number}`,
      tag: tags,
    };
    documents.set(id, { "@context": CONTEXT, ...note });
    const activity = await send(as, { type: "Create", object: note, ...address, published }, recipients, { followers: reaches(address), later });
    return { post: id, activity };
  },

  /** {name, type, base64} → the URL under which anybody can fetch it. */
  serve_file({ name, type, base64 }) {
    const url = `${origin}/files/${++count}/${name}`;
    files.set(url, { type, body: Buffer.from(base64, "base64") });
    return url;
  },

  /** {as, post, content, later?} → id of the Update. */
  async edit({ as, post, content, later }) {
    const { contentMap: _, ...old } = owned(as, post);
    const fresh = { ...old, content, updated: new Date().toISOString() };
    documents.set(post, fresh);
    const { "@context": _context, ...note } = fresh;
    const options = { followers: reaches(note), later };
    return send(as, { type: "Update", object: note, to: note.to, cc: note.cc }, await told(as, note), options);
  },

  /** {as, post, later?} → id of the Delete; the post's address answers 410 from then on. */
  async delete({ as, post, later }) {
    const note = owned(as, post);
    const recipients = await told(as, note);
    documents.set(post, { id: post, type: "Tombstone", formerType: "Note", deleted: new Date().toISOString() });
    const object = { id: post, type: "Tombstone" };
    return send(as, { type: "Delete", object, to: note.to, cc: note.cc }, recipients, { followers: reaches(note), later });
  },

  /** {as, post, to?, later?} → id of the Like. `to` are further actors, such as the group that announced it. */
  like: ({ as, post, ...more }) => mark(as, "Like", post, more),

  /** {as, post, key, tag?, to?, later?} → id of the EmojiReact; `tag` holds the picture of a custom one. */
  react: ({ as, post, key, ...more }) => mark(as, "EmojiReact", post, { ...more, content: key }),

  /** {as, post, to?} → id of the Announce, to followers and the post's author. */
  async announce({ as, post, to = [] }) {
    const recipients = [...(await concerned(as, post)), ...(await inboxesOf(as, to))];
    const cc = [`${person(as).id}/followers`, ...recipients.map((one) => one.id.href)];
    return send(as, { type: "Announce", object: post, to: [PUBLIC], cc }, recipients, { followers: true });
  },

  /** {as, activity, to?, later?} → id of the Undo of one's own Like, EmojiReact or Announce. */
  async undo({ as, activity, to = [], later }) {
    const deed = documents.get(activity);
    if (deed?.actor !== person(as).id) throw new Error(`${activity} is nothing ${as} did`);
    const recipients = [...(await concerned(as, deed.object)), ...(await inboxesOf(as, to))];
    documents.delete(activity);
    const options = { followers: deed.type === "Announce", later };
    const { "@context": _, ...object } = deed;
    return send(as, { type: "Undo", object, to: recipients.map((one) => one.id.href) }, recipients, options);
  },

  /** {as, display?, summary?, icon?, to?} → id of the Update, to followers and `to`; `icon` is a URL. */
  async profile({ as, display, summary, icon, to = [] }) {
    const given = Object.entries({ display, summary, icon }).filter(([, value]) => value !== undefined);
    Object.assign(person(as), Object.fromEntries(given));
    const actor = await (await actorFor(context(), as)).toJsonLd({ contextLoader: context().contextLoader });
    const { "@context": _, ...object } = actor;
    return send(as, { type: "Update", object, to: [PUBLIC], cc: [`${person(as).id}/followers`] }, await inboxesOf(as, to), { followers: true });
  },

  /** {as, to?} → id of the Delete; the actor answers 410 from then on. Its key stays valid for this one activity. */
  async delete_actor({ as, to = [] }) {
    const { id } = person(as);
    const activity = await send(as, { type: "Delete", object: id, to: [PUBLIC] }, await inboxesOf(as, to), { followers: true });
    person(as).gone = true;
    return activity;
  },

  // ---------------------------------------------------------------------------------------------------------- what it sees

  /** {as?, what} with a URL or a handle → what Fedify reads there and the document as it came; null when it reads nothing. */
  async lookup({ as, what }) {
    const options = await loaders(as);
    const found = await context().lookupObject(what, options);
    return found === null ? null : { ...(await plain(found, options)), raw: await found.toJsonLd(options) };
  },

  /** {resource} → the JRD. */
  webfinger: ({ resource }) => context().lookupWebFinger(resource),

  /** {origin} → NodeInfo as Fedify reads it. */
  async nodeinfo({ origin: of }) {
    return context().lookupNodeInfo(of, { parse: "none" });
  },

  /** {as?, url, most?} → ids of the items of a collection, all its pages followed. */
  async collection({ as, url, most = 500 }) {
    const options = await loaders(as);
    const found = await context().lookupObject(url, options);
    if (!(found instanceof AS.Collection)) throw new Error(`${url} is no collection that Fedify can read`);
    const items = [];
    for await (const item of context().traverseCollection(found, { ...options, suppressError: true })) {
      items.push(item.id?.href ?? null);
      if (items.length >= most) break;
    }
    return { total: found.totalItems, items };
  },

  /** {} → every activity whose signature was good, in order: {number, at, scheme, type, id, actor, object, inner, raw}. */
  received: (wanted) => first(received, { ...wanted, id: wanted.activity }),

  /** {count?, seconds?, type?, actor?, object?, activity?, inner?, by?, contains?, after?} → as `received`, once there are `count` (1). */
  until_received({ count: least = 1, seconds = 20, ...wanted }) {
    const match = { ...wanted, id: wanted.activity };
    const find = () => {
      const found = first(received, match);
      return found.length >= least ? found : undefined;
    };
    const last = () => received.slice(-8).map((one) => `${one.number} ${one.type} ${one.inner?.type ?? ""} ${one.object} by ${one.actor}`);
    return changes.until(find, seconds, () => `${least} × ${JSON.stringify(wanted)}; of ${received.length} the last are\n${last().join("\n")}`);
  },

  /** {} → what was refused at the inbox: {id, why, key}. */
  refused: () => refused,

  /** {} → every post known here, as a client would show it: `plain` and {root, edited, deleted, likes, reactions, boosts}. */
  posts: () => conversation.posts(),

  /** {post?, contains?, author?, edited?, deleted?, like?, reaction?, no_reaction?, boost?, seconds?} → the first such post. */
  until_post({ seconds = 20, ...wanted }) {
    const find = () => conversation.posts().find((one) => shows(one, wanted));
    const last = () => JSON.stringify(conversation.posts().slice(-6), null, 1);
    return changes.until(find, seconds, () => `a post ${JSON.stringify(wanted)}; the last are\n${last()}`);
  },

  /** {as} → ids of those who follow. */
  followers: ({ as }) => [...person(as).followers.keys()],

  /** {as} → {actor: "asked" | "accepted" | "rejected"}. */
  following: ({ as }) => Object.fromEntries(person(as).following),

  /** {as, inbox, activity, scheme?, signed?} → {status, body}: any JSON, signed by that person unless `signed` is false. */
  async raw({ as, inbox, activity, scheme = "draft-cavage-http-signatures-12", signed = true }) {
    const headers = { "content-type": "application/activity+json", accept: "application/activity+json" };
    let asked = new Request(inbox, { method: "POST", headers, body: JSON.stringify(activity) });
    if (signed) {
      const [pair] = await context().getActorKeyPairs(as);
      asked = await signRequest(asked, pair.privateKey, pair.keyId, { spec: scheme });
    }
    const answer = await fetchAsIs(asked);
    return { status: answer.status, body: await answer.text() };
  },

  /** {as?, url, accept?} → {status, type, body}: one GET, signed when `as` is given. */
  async get({ as, url, accept = "application/activity+json" }) {
    let asked = new Request(url, { headers: { accept }, redirect: "manual" });
    if (as !== undefined) {
      const [pair] = await context().getActorKeyPairs(as);
      asked = await signRequest(asked, pair.privateKey, pair.keyId);
    }
    const answer = await fetchAsIs(asked);
    return { status: answer.status, type: answer.headers.get("content-type"), body: await answer.text() };
  },
};

function shows(post, wanted) {
  if (wanted.contains !== undefined && !(post.content ?? "").includes(wanted.contains)) return false;
  if (wanted.like !== undefined && !post.likes?.includes(wanted.like)) return false;
  if (wanted.boost !== undefined && !post.boosts?.includes(wanted.boost)) return false;
  if (wanted.reaction !== undefined && !post.reactions?.[wanted.reaction]?.length) return false;
  if (wanted.no_reaction !== undefined && post.reactions?.[wanted.no_reaction]?.length) return false;
  if (wanted.no_like !== undefined && post.likes?.includes(wanted.no_like)) return false;
  const fields = [["id", wanted.post], ["author", wanted.author], ["reply", wanted.reply], ["edited", wanted.edited], ["deleted", wanted.deleted]];
  return fields.every(([field, value]) => value === undefined || post[field] === value);
}

/** Everybody on other servers who was told of one's own post, the author it answers included. */
async function told(name, note) {
  const addressees = [...note.to, ...note.cc].filter((one) => !one.endsWith("/followers"));
  const recipients = await inboxesOf(name, addressees);
  if (note.inReplyTo !== undefined && !documents.has(note.inReplyTo)) recipients.push(...(await concerned(name, note.inReplyTo).catch(() => [])));
  return recipients;
}

async function handleOf(name, href) {
  const actor = await actorOf(name, href);
  return `@${actor.preferredUsername}@${actor.id.host}`;
}

await new Promise((resolve) => server.listen(Number(flags.port), "127.0.0.1", resolve));
origin = `http://127.0.0.1:${server.address().port}`;
for (const name of names) {
  const keys = [await generateCryptoKeyPair("RSASSA-PKCS1-v1_5"), await generateCryptoKeyPair("Ed25519")];
  const display = name[0].toUpperCase() + name.slice(1);
  people.set(name, { id: `${origin}/users/${name}`, display, summary: "", keys, followers: new Map(), following: new Map(), gone: false });
}
serve(commands, { origin, people: Object.fromEntries([...people].map(([name, one]) => [name, one.id])) });
