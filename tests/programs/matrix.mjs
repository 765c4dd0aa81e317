// A Matrix client on matrix-js-sdk that shares no code with the bridge: what it shows is what people's clients show.
//
// Several accounts live in one process, each under the name given at `login`. Commands are the functions of `commands` below.

import { ClientEvent, createClient, RelationType, RoomEvent, RoomStateEvent, MatrixEventEvent } from "matrix-js-sdk";
import { Changes, serve } from "./lines.mjs";

const silent = { trace() {}, debug() {}, info() {}, log() {}, warn: console.warn, error: console.error, getChild: () => silent };
const changes = new Changes();
const accounts = new Map();

function client(name) {
  const found = accounts.get(name);
  if (found === undefined) throw new Error(`no account ${name} here; logged in are ${[...accounts.keys()].join(", ") || "none"}`);
  return found.client;
}

function roomOf(name, id) {
  const room = client(name).getRoom(id);
  if (room === null) throw new Error(`${name} does not know room ${id} (yet)`);
  return room;
}

/** One event as the SDK presents it, after edits, redactions and aggregations. */
function shown(room, event) {
  const id = event.getId();
  const content = event.getContent();
  const sums = room.relations.getChildEventsForEvent(id, RelationType.Annotation, "m.reaction")?.getSortedAnnotationsByKey();
  const reactions = {};
  for (const [key, events] of sums ?? []) {
    if (events.size > 0) reactions[key] = [...events].map((one) => one.getSender()).sort();
  }
  const edit = event.replacingEvent();
  return {
    id,
    type: event.getType(),
    state_key: event.getStateKey() ?? null,
    sender: event.getSender(),
    name: event.sender?.rawDisplayName ?? null,
    avatar: event.sender?.getMxcAvatarUrl() ?? null,
    time: event.getTs(),
    msgtype: content.msgtype ?? null,
    body: content.body ?? null,
    formatted: content.formatted_body ?? null,
    mentions: content["m.mentions"] ?? null,
    external: content.external_url ?? null,
    content,
    original: event.getOriginalContent(),
    thread: event.threadRootId !== id ? (event.threadRootId ?? null) : null,
    reply: event.replyEventId ?? null,
    fallback: event.getOriginalContent()["m.relates_to"]?.is_falling_back === true,
    edited: edit !== null && edit !== undefined,
    edit: edit?.getId() ?? null,
    redacted: event.isRedacted(),
    reactions,
  };
}

/** The room's events in the order they came, without edits and reactions (they are part of what they change). */
function timeline(name, id, types) {
  const { client: own, order } = accounts.get(name) ?? { client: client(name) };
  const room = own.getRoom(id);
  if (room === null) return [];
  const found = new Map();
  const sets = [room.getUnfilteredTimelineSet(), ...room.getThreads().map((thread) => thread.timelineSet)];
  for (const set of sets) {
    for (const line of set.getTimelines()) {
      for (const event of line.getEvents()) {
        if (event.status !== null || !event.getId()) continue;
        if (!types.includes(event.getType()) || event.isRelation(RelationType.Replace)) continue;
        found.set(event.getId(), event);
      }
    }
  }
  const place = (event) => order.get(event.getId()) ?? -1;
  return [...found.values()].sort((a, b) => place(a) - place(b) || a.getTs() - b.getTs()).map((event) => shown(room, event));
}

function matches(item, wanted) {
  const has = (field, value) => value === undefined || item[field] === value;
  if (wanted.contains !== undefined && !(item.body ?? "").includes(wanted.contains)) return false;
  if (wanted.formatted !== undefined && !(item.formatted ?? "").includes(wanted.formatted)) return false;
  if (wanted.reaction !== undefined) {
    const senders = item.reactions[wanted.reaction] ?? [];
    if (senders.length < (wanted.reactors ?? 1)) return false;
  }
  if (wanted.no_reaction !== undefined && (item.reactions[wanted.no_reaction] ?? []).length > 0) return false;
  const fields = [
    ["id", wanted.event],
    ["body", wanted.body],
    ["sender", wanted.sender],
    ["name", wanted.name],
    ["thread", wanted.thread],
    ["reply", wanted.reply],
    ["edited", wanted.edited],
    ["redacted", wanted.redacted],
    ["msgtype", wanted.msgtype],
    ["external", wanted.external],
  ];
  return fields.every(([field, value]) => has(field, value));
}

const MESSAGES = ["m.room.message", "m.sticker"];

function message({ body, html, msgtype = "m.text", mentions }) {
  const content = { msgtype, body };
  if (html !== undefined) Object.assign(content, { format: "org.matrix.custom.html", formatted_body: html });
  if (mentions !== undefined) content["m.mentions"] = { user_ids: mentions };
  return content;
}

async function say(name, room, content) {
  return (await client(name).sendEvent(room, "m.room.message", content)).event_id;
}

function listed(own) {
  return own
    .getRooms()
    .filter((room) => room.getMyMembership() === "invite")
    .map((room) => {
      const event = room.currentState.getStateEvents("m.room.member", own.getUserId());
      return { room: room.roomId, name: room.name, inviter: event?.getSender() ?? null, direct: event?.getContent().is_direct === true };
    });
}

const commands = {
  /** {account, base, user, password} → {user, device, token}; answers when the first sync is through. */
  async login({ account, base, user, password }) {
    const guest = createClient({ baseUrl: base, logger: silent });
    const answer = await guest.loginRequest({
      type: "m.login.password",
      identifier: { type: "m.id.user", user },
      password,
      initial_device_display_name: "live test",
    });
    const own = createClient({
      baseUrl: base,
      userId: answer.user_id,
      accessToken: answer.access_token,
      deviceId: answer.device_id,
      logger: silent,
      timelineSupport: true,
    });
    const order = new Map();
    accounts.set(account, { client: own, order });
    own.on(ClientEvent.Event, (event) => {
      if (!order.has(event.getId())) order.set(event.getId(), order.size);
      changes.changed();
    });
    const later = () => setImmediate(() => changes.changed());
    for (const kind of [
      ClientEvent.Sync,
      ClientEvent.Room,
      RoomEvent.Timeline,
      RoomEvent.Redaction,
      RoomEvent.MyMembership,
      RoomStateEvent.Events,
      MatrixEventEvent.Replaced,
      MatrixEventEvent.RelationsCreated,
    ]) {
      own.on(kind, later);
    }
    await own.startClient({ initialSyncLimit: 1000, threadSupport: true, disablePresence: true, pollTimeout: 10_000 });
    await changes.until(() => (own.isInitialSyncComplete() ? true : undefined), 30, () => "the first sync");
    return { user: answer.user_id, device: answer.device_id, token: answer.access_token };
  },

  /** {account}: ends its sync and session. */
  async logout({ account }) {
    const own = client(account);
    accounts.delete(account);
    await own.logout(true);
  },

  /** {account, options} → room id; `options` as in the client API's createRoom (preset, initial_state, room_version, …). */
  async create({ account, options }) {
    const { room_id: room } = await client(account).createRoom(options ?? {});
    await changes.until(() => client(account).getRoom(room) ?? undefined, 20, () => `room ${room} in the sync`);
    return room;
  },

  /** {account, room} with an id or alias → room id; answers when the sync shows the room as joined. */
  async join({ account, room }) {
    const own = client(account);
    const { roomId } = await own.joinRoom(room);
    const joined = () => (own.getRoom(roomId)?.getMyMembership() === "join" ? true : undefined);
    await changes.until(joined, 20, () => `${account} joined to ${roomId}`);
    return roomId;
  },

  async leave({ account, room }) {
    await client(account).leave(room);
  },
  async invite({ account, room, user }) {
    await client(account).invite(room, user);
  },
  async kick({ account, room, user, reason }) {
    await client(account).kick(room, user, reason);
  },
  async ban({ account, room, user, reason }) {
    await client(account).ban(room, user, reason);
  },

  /** {account, user} → room id of a new direct conversation, the other one invited. */
  async direct({ account, user }) {
    const { room_id: room } = await client(account).createRoom({ preset: "trusted_private_chat", is_direct: true, invite: [user] });
    return room;
  },

  /** {account} → [{room, name, inviter, direct}] of open invitations. */
  invites({ account }) {
    return listed(client(account));
  },

  /** {account, from?, seconds?} → the first open invitation (from that user). */
  until_invited({ account, from, seconds = 20 }) {
    const own = client(account);
    const find = () => listed(own).find((one) => from === undefined || one.inviter === from);
    return changes.until(find, seconds, () => `an invitation for ${account} from ${from ?? "anyone"}; open: ${JSON.stringify(listed(own))}`);
  },

  /** {account, room, body, html?, msgtype?, mentions?} → event id. */
  send({ account, room, ...words }) {
    return say(account, room, message(words));
  },

  /** {account, room, root, body, html?, mentions?, reply?} → event id of a message in the thread under `root`. */
  thread({ account, room, root, reply, ...words }) {
    const relation = { rel_type: "m.thread", event_id: root, is_falling_back: reply === undefined, "m.in_reply_to": { event_id: reply ?? root } };
    return say(account, room, { ...message(words), "m.relates_to": relation });
  },

  /** {account, room, event, body, html?, mentions?} → event id of a plain reply outside any thread. */
  reply({ account, room, event, ...words }) {
    return say(account, room, { ...message(words), "m.relates_to": { "m.in_reply_to": { event_id: event } } });
  },

  /** {account, room, event, body, html?} → event id of the edit. */
  edit({ account, room, event, ...words }) {
    const fresh = message(words);
    const shownToOld = { ...fresh, body: `* ${fresh.body}` };
    if (fresh.formatted_body !== undefined) shownToOld.formatted_body = `* ${fresh.formatted_body}`;
    return say(account, room, { ...shownToOld, "m.new_content": fresh, "m.relates_to": { rel_type: "m.replace", event_id: event } });
  },

  /** {account, room, event, key} → event id of the reaction (redact it to take it back). */
  async react({ account, room, event, key }) {
    const content = { "m.relates_to": { rel_type: "m.annotation", event_id: event, key } };
    return (await client(account).sendEvent(room, "m.reaction", content)).event_id;
  },

  /** {account, room, event, reason?} → event id of the redaction. */
  async redact({ account, room, event, reason }) {
    return (await client(account).redactEvent(room, event, undefined, reason === undefined ? undefined : { reason })).event_id;
  },

  /** {account, room, type, content} → event id: any other event, as given. */
  async send_event({ account, room, type, content }) {
    return (await client(account).sendEvent(room, type, content)).event_id;
  },

  /** {account, base64, type, name} → the file's mxc address. */
  async upload({ account, base64, type, name }) {
    const body = Buffer.from(base64, "base64");
    return (await client(account).uploadContent(new Blob([body], { type }), { type, name })).content_uri;
  },

  /** {account, mxc} → {type, base64}, by the authenticated way. */
  async download({ account, mxc }) {
    const own = client(account);
    const address = own.mxcUrlToHttp(mxc, undefined, undefined, undefined, false, true, true);
    const answer = await fetch(address, { headers: { authorization: `Bearer ${own.getAccessToken()}` } });
    if (!answer.ok) throw new Error(`${mxc}: ${answer.status}`);
    return { type: answer.headers.get("content-type"), base64: Buffer.from(await answer.arrayBuffer()).toString("base64") };
  },

  /** {account, room, type, key?, content} → event id. */
  async set_state({ account, room, type, key = "", content }) {
    return (await client(account).sendStateEvent(room, type, content, key)).event_id;
  },

  /** {account, room, type, key?} → content, asked from the homeserver. */
  get_state({ account, room, type, key = "" }) {
    return client(account).getStateEvent(room, type, key);
  },

  /** {account, room, type, key?, has?, seconds?} → content, once the client's own state holds it (and its JSON contains `has`). */
  until_state({ account, room, type, key = "", has, seconds = 20 }) {
    const look = () => client(account).getRoom(room)?.currentState.getStateEvents(type, key)?.getContent();
    const find = () => {
      const content = look();
      return content !== undefined && (has === undefined || JSON.stringify(content).includes(has)) ? content : undefined;
    };
    return changes.until(find, seconds, () => `${type} ${key} ${has ?? ""}; now ${JSON.stringify(look())}`);
  },

  /** {account, display?, avatar?}: sets the own profile. */
  async set_profile({ account, display, avatar }) {
    if (display !== undefined) await client(account).setDisplayName(display);
    if (avatar !== undefined) await client(account).setAvatarUrl(avatar);
  },

  /** {account, user} → {displayname, avatar_url, …} as the homeserver tells it. */
  profile({ account, user }) {
    return client(account).getProfileInfo(user);
  },

  /** {account, room} → [{id, name, membership}]. */
  members({ account, room }) {
    return roomOf(account, room)
      .currentState.getMembers()
      .map((member) => ({ id: member.userId, name: member.rawDisplayName, membership: member.membership }));
  },

  /** {account, room, types?} → what the SDK shows, see `shown`. */
  timeline({ account, room, types = MESSAGES }) {
    return timeline(account, room, types);
  },

  /**
   * {account, room, seconds?, count?, types?, event?, body?, contains?, formatted?, sender?, name?, thread?, reply?, edited?,
   *  redacted?, msgtype?, external?, reaction?, reactors?, no_reaction?} → the matching items, once there are `count` (1) of them.
   */
  until({ account, room, seconds = 20, count = 1, types = MESSAGES, ...wanted }) {
    const find = () => {
      const found = timeline(account, room, types).filter((item) => matches(item, wanted));
      return found.length >= count ? found : undefined;
    };
    const describe = () => {
      delete wanted.id;
      delete wanted.do;
      const last = timeline(account, room, types).slice(-12);
      const lines = last.map((item) => `${item.id} ${item.sender}: ${item.redacted ? "(redacted)" : item.body} ${JSON.stringify(item.reactions)}`);
      return `${count} × ${JSON.stringify(wanted)} for ${account}; the last it shows:\n${lines.join("\n")}`;
    };
    return changes.until(find, seconds, describe);
  },

  /** {account, room} → every raw event the homeserver has for this account, oldest first: the truth beside the client's view. */
  async messages({ account, room }) {
    const all = [];
    let from = null;
    for (;;) {
      const page = await client(account).createMessagesRequest(room, from, 500, "b");
      all.push(...page.chunk);
      if (!page.end || page.chunk.length === 0) return all.reverse();
      from = page.end;
    }
  },
};

serve(commands, { accounts: [] });
