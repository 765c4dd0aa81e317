// What Fedify reads in activities and objects, as plain JSON, and the conversation that a client of that server would show.

import * as AS from "@fedify/fedify/vocab";

const hrefs = (urls) => urls.map((url) => url.href);
const text = (value) => value?.toString() ?? null;

/** The type as its documents write it: `Note`, `EmojiReact`. */
export function typeOf(object) {
  return AS.getTypeId(object).href.split(/[#/]/).pop();
}

function page(url) {
  return url instanceof URL ? url.href : (url?.href?.href ?? null);
}

async function all(items) {
  const found = [];
  for await (const item of items) found.push(item);
  return found;
}

/** A post, actor, collection or tombstone in Fedify's reading. `options` are its document and context loader. */
export async function plain(object, options) {
  const shown = {
    id: object.id?.href ?? null,
    type: typeOf(object),
    name: text(object.name),
    summary: text(object.summary),
    content: text(object.content),
    language: object.contents.find((one) => one.locale !== undefined)?.locale.toString() ?? null,
    published: text(object.published),
    updated: text(object.updated),
    url: page(object.url),
  };
  if (AS.isActor(object)) return { ...shown, ...(await plainActor(object, options)) };
  if (object instanceof AS.Collection) return { ...shown, total: object.totalItems };
  const tags = await all(object.getTags(options));
  const attachments = await all(object.getAttachments(options));
  return {
    ...shown,
    author: object.attributionId?.href ?? null,
    reply: object.replyTargetId?.href ?? null,
    context: object.contextIds[0]?.href ?? null,
    audience: hrefs(object.audienceIds),
    to: hrefs(object.toIds),
    cc: hrefs(object.ccIds),
    sensitive: object.sensitive ?? null,
    mentions: tags.filter((tag) => tag instanceof AS.Mention).map((tag) => ({ href: tag.href?.href ?? null, name: text(tag.name) })),
    hashtags: tags.filter((tag) => tag instanceof AS.Hashtag).map((tag) => text(tag.name)),
    emojis: await emojis(tags, options),
    place: await place(object, options),
    attachments: attachments.map((one) => ({
      type: typeOf(one),
      media: one.mediaType,
      url: page(one.url),
      name: text(one.name),
      width: one.width ?? null,
      height: one.height ?? null,
    })),
  };
}

async function emojis(tags, options) {
  const found = [];
  for (const tag of tags.filter((one) => one instanceof AS.Emoji)) {
    const icon = await tag.getIcon(options);
    found.push({ name: text(tag.name), url: page(icon?.url ?? null) });
  }
  return found;
}

async function place(object, options) {
  const found = await object.getLocation({ ...options, suppressError: true });
  if (!(found instanceof AS.Place)) return null;
  return { name: text(found.name), latitude: found.latitude ?? null, longitude: found.longitude ?? null };
}

async function plainActor(actor, options) {
  const keys = await all(actor.getPublicKeys(options));
  const methods = await all(actor.getAssertionMethods(options));
  return {
    handle: text(actor.preferredUsername),
    inbox: actor.inboxId?.href ?? null,
    sharedInbox: actor.endpoints?.sharedInbox?.href ?? null,
    outbox: actor.outboxId?.href ?? null,
    followers: actor.followersId?.href ?? null,
    keys: [...keys, ...methods].map((key) => ({ id: key.id?.href ?? null, kind: key.publicKey?.algorithm.name ?? null })),
    asks: actor.manuallyApprovesFollowers ?? null,
  };
}

/** An activity in Fedify's reading; what it carries is read too where Fedify has it, or may trust it, or can fetch it. */
export async function plainActivity(activity, options) {
  const object = await activity.getObject({ ...options, suppressError: true });
  const inner = object === null ? null : object instanceof AS.Activity ? await plainActivity(object, options) : await plain(object, options);
  return {
    id: activity.id?.href ?? null,
    type: typeOf(activity),
    actor: activity.actorId?.href ?? null,
    object: activity.objectId?.href ?? null,
    content: text(activity.content),
    emojis: await emojis(await all(activity.getTags(options)), options),
    to: hrefs(activity.toIds),
    cc: hrefs(activity.ccIds),
    inner,
  };
}

/** Posts as a client shows them, kept up to date by what arrives: edits, deletions, reactions and who passed them on. */
export class Conversation {
  #posts = new Map();
  #deeds = new Map();

  /** Takes a `plainActivity` in; the group's `Announce` of an activity counts as that activity (FEP-1b12). */
  apply(activity) {
    const { type, actor, object, inner } = activity;
    if (activity.id !== null) this.#deeds.set(activity.id, activity);
    if (type === "Announce" && inner?.actor !== undefined) return this.apply(inner);
    if (type === "Create" && inner !== null) return this.#put(inner);
    if (type === "Update" && inner !== null && inner.author === actor) return this.#put({ ...inner, edited: true });
    if (type === "Delete") return this.#remove(object ?? inner?.id, actor);
    // What is undone is known by its id; what the Undo itself tells of it may leave out the emoji.
    if (type === "Undo") return this.#undo(this.#deeds.get(object) ?? inner, actor);
    if (type === "Announce" && inner !== null) this.#put(inner);
    return this.#mark(type, object ?? inner?.id, actor, activity.content, true);
  }

  #put(post) {
    const known = this.#posts.get(post.id);
    // A deletion is final: a late copy brings nothing back.
    if (post.id === null || known?.deleted) return;
    this.#posts.set(post.id, { edited: false, likes: [], reactions: {}, boosts: [], ...known, ...post });
  }

  #remove(id, actor) {
    const known = this.#posts.get(id);
    if (known !== undefined && known.author === actor) this.#posts.set(id, { id, author: actor, deleted: true });
  }

  #undo(deed, actor) {
    if (deed?.actor === actor) this.#mark(deed.type, deed.object ?? deed.inner?.id, actor, deed.content, false);
  }

  #mark(type, id, actor, content, there) {
    const post = this.#posts.get(id);
    if (post === undefined || post.deleted) return;
    const without = (actors) => [...actors.filter((one) => one !== actor), ...(there ? [actor] : [])].sort();
    if (type === "Announce") post.boosts = without(post.boosts);
    // Misskey puts the emoji into a Like.
    else if (type === "EmojiReact" || (type === "Like" && content)) post.reactions[content] = without(post.reactions[content] ?? []);
    else if (type === "Like") post.likes = without(post.likes);
  }

  /** One post with the root of its thread, or undefined. */
  post(id) {
    const found = this.#posts.get(id);
    return found === undefined ? undefined : { ...found, root: this.#root(id) };
  }

  posts() {
    return [...this.#posts.keys()].map((id) => this.post(id));
  }

  #root(id) {
    const seen = new Set();
    let at = id;
    while (!seen.has(at) && this.#posts.get(at)?.reply) {
      seen.add(at);
      at = this.#posts.get(at).reply;
    }
    return at;
  }
}
