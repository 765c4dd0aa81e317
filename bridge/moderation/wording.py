"""Every sentence the bridge answers to an order or a hold with, in one table; the tone is that of `bridge/norms/wording.py`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bridge.model.audience import Audience
from bridge.model.place import History, Join, Place
from bridge.model.richtext import RichText
from bridge.moderation.act_wording import ACT_NOTICES
from bridge.moderation.case_wording import CASE_NOTICES
from bridge.norms.wording import line, say

NOTICES: Mapping[str, str] = {
    # To a room that has just been linked.
    "room.linked": (
        "👋 This room is now also a group on the fediverse, {group}. People there can follow it, and whom you let in can answer here.\n\n"
        "Nothing changes for your words: they stay in this room until you yourself say `!cross on`. `!who` tells who can read here, "
        "`!moot help` what else you can say."
    ),
    # Crossing.
    "cross.on": (
        "📣 Your words now cross.\n\nWhat you write in {where} from now on is {level}, under the name @{name}. Your earlier words stay where "
        "they are. `!cross off` stops it at once; `!forget this`, in answer to a message of yours, takes its copies back."
    ),
    "cross.ask": (
        "⏳ You are asked each time.\n\nWhat you write in {where} waits for your `!cross this`, or the megaphone on it. With your yes it is {level}, "
        "under the name @{name}. Without one it stays. `!cross off` stops the questions."
    ),
    "cross.off": (
        "🏠 From now on your words stay in {where}.\n\nWhat was waiting stays too. What crossed before is still there ({crossed}): "
        "answer such a message with `!forget this` to take its copies back. `!cross on` lets new words cross again."
    ),
    "cross.nowhere": (
        "🏠 Nothing said in {where} can cross: it is encrypted.\n\nYour choice is kept, under the name @{name}, and holds in open rooms. "
        "`!cross off` takes it back."
    ),
    "cross.here_nowhere": "`here` means the room it is said in. Say it there, or leave `here` out and it holds for all of {community}.",
    "cross.fediverse_on": (
        "📣 What you post to {group} also appears in its rooms, as far as each post is public.\n\n"
        "`!cross off` keeps it on the fediverse. Deleting a post deletes its copies."
    ),
    "cross.fediverse_off": (
        "🏠 From now on your posts stay on the fediverse.\n\nWhat you post to {group} no longer appears in its rooms. What is there already stays "
        "({crossed}) until you delete it or answer it with `!forget this`. `!cross on` changes it back."
    ),
    "cross.fediverse_choice": (
        "For you there is `!cross on` and `!cross off`: addressing {group} is your yes to its rooms, post by post. "
        "How public a post is you choose where you write it."
    ),
    # One message.
    "this.crossing": (
        "📣 This one message crosses.\n\nIt is {level}, under the name @{name}, and leaves in {grace} seconds. The house sign on it before then "
        "keeps it here; later, `!forget this` takes its copies back. Your other words go as before: {state}."
    ),
    "this.which": "Which message? Answer it with the same words, and it is that one.",
    "this.nowhere": "This message was written in an encrypted room, and nothing said there crosses. Written in an open room, it can.",
    "this.unknown": "I cannot see who wrote that message, so it stays where it is. Written anew and answered with `!cross this`, it crosses.",
    "this.not_yours": "Only the person who wrote a message can let it cross or take it back. You can ask them; they can say it in one word.",
    "this.out": "This message has crossed already. `!forget this`, in answer to it, takes its copies back.",
    "this.waits": "This message is on its way and crosses by itself.",
    "this.taken_back": "This message was taken back. Written anew, it can cross.",
    "this.review": "A person looks at this message first; then it crosses by itself. Deleting it withdraws it.",
    "this.at_home": "On the fediverse a post crosses when it is addressed to {group}. Addressed to it, this one does too.",
    # Files.
    "file.not_carried": (
        "📎 A file of yours stayed in the room.\n\n{why} On the fediverse your words say that there is a file, and where. "
        "This is said once; later files that cannot cross are shown in the same way."
    ),
    "file.undescribed": (
        "🖼 Your picture crossed without a description.\n\nA few words as its caption let everyone know what it shows, "
        "also those who cannot see it. This is said at most once in thirty days, and nothing ever waits for it."
    ),
    "poll.not_carried": (
        "📊 Votes in your poll stay in the room.\n\nOn the fediverse people see what you ask, what can be answered, and a link to where. "
        "This is said once; later polls are shown in the same way."
    ),
    # Taking back.
    "forget.going": (
        "Its copies are being taken back now, wherever we sent them, and we ask again for 30 days where nobody answers.\n\n"
        "Servers are asked to delete; that they do, and that nobody kept a picture, we cannot promise. "
        "What you wrote here stays, until you delete it."
    ),
    "forget.waiting": "It had not left yet. Now it stays where you wrote it.",
    "forget.nothing": "This message has no copies elsewhere: it never left, or was taken back already.",
    "forget.which_thread": "Which thread? Answer a message of it with the same words, and it is that one.",
    "forget.none": "Nothing of yours is out there from then, so there is nothing to take back.",
    "forget.going_many": (
        "{count} of yours are being taken back now, with their files, wherever we sent them.\n\n"
        "I write to you again when the servers have answered. What you wrote here stays, until you delete it."
    ),
    "forget.confirm": (
        "That is {count}. To take them all back, answer `!forget confirm {code}`, until {until}.\n\n"
        "After that you have {window} in which `!forget cancel` stops it."
    ),
    "forget.confirm_me": (
        "That takes back everything of yours that crossed ({count}), your name on the other side, and what is kept about you here.\n\n"
        "To go on, answer `!forget confirm {code}`, until {until}. After that you have {window} in which `!forget cancel` stops it."
    ),
    "forget.window": "It begins in {window}. Until {until}, `!forget cancel` stops it. Nothing new of yours crosses meanwhile.",
    "forget.wrong_code": "That is not the code. The one I wrote to you last works; `!forget cancel` ends the question.",
    "forget.nothing_asked": "Nothing waits for a code. `!forget me`, `!forget thread` or `!forget since 2026-05-01` begin it.",
    "forget.under_way": "Something of yours is being taken back at this moment. You hear from me when it is done.",
    "forget.cancelled": (
        "Cancelled: nothing was taken back. Your words stay where you write them; `!cross on` lets new words cross again."
    ),
    "forget.cancelled_early": "Cancelled: nothing was taken back.",
    "forget.too_late": "It has begun, and what other servers were asked to delete cannot be brought back.",
    "forget.nothing_to_cancel": "Nothing is being taken back at the moment.",
    "forget.expired": "The code was not typed in time, so nothing was taken back. `!forget me` asks again.",
    "forget.receipt": (
        "🧾 {count} taken back. {accepted}. {rest}\n\nThose are asked again for {days} days; then I write once more. "
        "A server that accepts a deletion has been told; that nobody kept a picture, we cannot promise."
    ),
    "forget.receipt_final": (
        "🧾 {count} taken back. {accepted}. {rest}\n\nNobody is asked again. "
        "A server that accepts a deletion has been told; that nobody kept a picture, we cannot promise."
    ),
    "forget.receipt_final_me": (
        "🧾 You are forgotten here. {count} taken back. {accepted}. {rest}\n\nNobody is asked again, and this conversation is forgotten too. "
        "That nobody kept a picture, we cannot promise. In a room, `!cross on` begins anew."
    ),
    "forget.receipt_nobody": "🧾 Taken back. It had reached no other server.",
    "forget.receipt_nobody_me": (
        "🧾 You are forgotten here. Nothing of yours had reached another server. This conversation is forgotten too; "
        "in a room, `!cross on` begins anew."
    ),
    "leave.asked": (
        "You have left {room}, so nothing new of yours crosses from there.\n\n"
        "What crossed before stays ({crossed}). `!forget me` takes everything back; without it, it is kept."
    ),
    # One's own data, and one's own face.
    "export.begins": (
        "📦 What is kept about you, in {parts} messages of JSON: your name and your choices, what waits ({waiting}), and what crossed ({posts})."
    ),
    "export.more": "There is more than fits one answer. `!export since {day}` goes on from there.",
    "look.there": (
        "🪞 On the fediverse you are {handle}, name “{name}”, picture: {picture}.\n\nBeside it stands that you speak from Matrix as {home}, "
        "bridged by {group}, and how to object. Your words: {state}. What crosses is {level}."
    ),
    "look.before": (
        "🪞 On the fediverse you are nobody yet.\n\nAfter `!cross on` you would be {handle}, name “{name}”, picture: {picture}. Beside it "
        "would stand that you speak from Matrix as {home}, bridged by {group}. What crosses would be {level}."
    ),
    "look.rooms": (
        "🪞 In the rooms of {community} you are “{name}”, picture: {picture}.\n\nIt is an account of this bridge and shows what you address to "
        "the group. {rooms} `!cross off` ends that; `!forget me` takes it back."
    ),
    "look.rooms_before": (
        "🪞 In the rooms of {community} you are nobody yet.\n\nWhat you address to the group would appear there under “{name}”, picture: "
        "{picture}. {rooms} `!cross off` keeps you out."
    ),
    "look.welcome": (
        "👋 {group} is one conversation with Matrix: what you post to it or answer in it also appears in its rooms, under your name. {rooms}\n\n"
        "To leave, unfollow. Answer `cross off` to keep your posts on the fediverse, `look` to see how you look there, "
        "`forget me` to take everything back."
    ),
    "look.marked": (
        "🏠 Your profile asks not to be bridged, so nothing new of yours crosses.\n\nWhat is there already stays ({crossed}). "
        "Answer `forget me` and it is taken back."
    ),
    # Names.
    "handle.shape": (
        "`{handle}` does not work as a name on the fediverse. Small letters, digits and _ do, with dots or dashes between them, "
        "as in `!cross on bo.smith`."
    ),
    "handle.long": "`{handle}` is too long for a name on the fediverse; 64 characters fit.",
    "handle.reserved": "`{handle}` is kept for the place itself. Another name works, as in `!cross on bo.smith`.",
    "handle.taken": "`{handle}` belongs to somebody else here, or did once. Choose another, as in `!cross on bo.smith`; until then nothing crosses.",
    "handle.stays": "Your name there is @{name} already, and it stays: people follow it. Say it again without a name.",
    # The rest.
    "grace.set": "Your words now wait {grace} seconds before they leave, so that a change of mind is free. The shortest wait is 0.",
    "who": "{rooms}\n\nWhat crosses also reaches {group}: {followers} on {servers}. {members} here let their words cross.",
    "status": (
        "Your words: {state}. Your name on the fediverse: {name}. They wait {grace} seconds before they leave. "
        "Out there: {crossed}. Waiting: {waiting}. `!moot help` lists what you can change."
    ),
    "help": (
        "What you can say:\n`!cross on`, `quiet`, `ask` or `off`: where your words go\n`!cross this`: only the message you answer\n"
        "`!forget this`, `thread`, `since` a day, `me`: take it back\n`!export`: your data\n`!look`: how you look there\n"
        "`!who`: who can read this place\n`!knocks`, `!write`: private words\n`!grace` and {choices}: seconds to reconsider\n"
        "`!moot status`: how things stand"
    ),
    "unknown.order": "I did not understand that. `!moot help` lists what I know.",
    "unknown.nothing": "I am the bridge of this community. `!moot help` lists what you can say to me.",
    "which.community": (
        "Several communities live here, and I cannot tell which one you mean. Say it in a room of the one you mean, and I answer you there in "
        "private."
    ),
    "unknown.long": "That is longer than anything I understand. `!moot help` lists what I know.",
    "unknown.one_line": "I read one plain line at a time, without hidden characters. Typed again by hand, it works.",
    "unknown.plain_letters": "I read plain letters only: a to z, digits and !. One of yours only looks like one. Typed again by hand, it works.",
    "unknown.cross": "After `!cross` comes one of `on`, `quiet`, `ask`, `off` or `this`; then, if you like, a name for the fediverse, and `here`.",
    "unknown.grace": "After `!grace` comes one of {choices}: the seconds your words wait before they leave.",
    "unknown.forget": (
        "After `!forget` comes `this` or `thread`, in answer to a message of yours; `since` and a day, as in `!forget since 2026-05-01`; or `me`."
    ),
    "unknown.export": "`!export` gives you what is kept about you; `!export since 2026-05-01` only the posts of that day and later.",
    "unknown.knocks": "After `!knocks` comes one of `nobody`, `people`, `members` or `everyone`, or `no strangers`, or `strangers`.",
    "unknown.write": "After `!write` comes one address, as in `!write @sam@a.example`.",
    # Private messages.
    "knock.words": (
        "✉️ {name} would like to write to you in private: “{words}”\n\nAnswer `accept {code}`, `not now {code}` or `never {code}`. "
        "A tick on this accepts, too. It waits until {until}; then its words are gone."
    ),
    "knock.wordless": (
        "✉️ {name}, whom you have not met here, would like to write to you in private.\n\nAnswer `accept {code}`, `not now {code}` or "
        "`never {code}`; `report {code}` shows it to moderators; `!knocks no strangers` keeps strangers away for 30 days. "
        "It waits until {until}; then it is gone."
    ),
    "knock.accepted": "You and {name} have a room of your own now: I have sent you the invitation. What they wrote waits there for you.",
    "knock.begun": "You and {name} have a room of your own now: I have sent you the invitation. What you write there reaches them alone.",
    "knock.open": "You and {name} have a room of your own already. Should you have left it, I have invited you once more.",
    "knock.readable": (
        "🔓 About private words: what the two of you write there will be readable by the admins of both servers.\n\n"
        "It is not encrypted end to end. This is said once."
    ),
    "knock.not_now": "It waits quietly until {until}. `accept {code}` still opens it; after that its words are gone.",
    "knock.never": "They will not reach you. Their words are gone, and they hear only that nothing was delivered. `accept {code}` would undo this.",
    "knock.which": "Several knocks wait. Say it with the four letters of the one you mean, as in `accept {code}`.",
    "knock.none": "Nobody is waiting for an answer of yours.",
    "knock.unknown": "I know no knock with that sign. The letters are in what I wrote to you about it.",
    "knock.busy": "The room could not be opened just now. Nothing is lost: `{again}` in a few minutes tries once more.",
    "knock.nobody": "🚪 Nobody elsewhere can write to you in private. `!knocks people` opens the door again.",
    "knock.people": (
        "🚪 Whom you talk with here may knock with their first words; others knock without. Nothing opens before your yes.\n\n"
        "Other choices: `!knocks nobody`, `members`, `everyone`, `no strangers`."
    ),
    "knock.members": (
        "🚪 Members may knock with their first words; others knock without. Nothing opens before your yes.\n\n"
        "Other choices: `!knocks nobody`, `people`, `everyone`, `no strangers`."
    ),
    "knock.everyone": (
        "🚪 Everyone who follows the community may knock with their first words; strangers knock without. Nothing opens before your yes.\n\n"
        "Other choices: `!knocks nobody`, `people`, `members`, `no strangers`."
    ),
    "knock.no_strangers": "🔕 Until {until}, nobody whom you have not met here knocks at your door. `!knocks strangers` ends that at once.",
    "knock.elsewhere": "Your own server decides who may write to you in private; what you set there holds.",
    "knock.nameless": (
        "To be written back to, you need a name over there. `!cross ask` gives you one, and you are asked before any other word crosses."
    ),
    "knock.stranger": "I have not met anybody called {name}. Once they have written to the community, or followed it, I can find them.",
    "knock.refuses": "{name} asks bridges to leave them alone, so nothing is sent to them from here.",
    # Holds.
    "hold.released": "👋 Your post is now in the conversation. Welcome! From here on, what you write appears at once.",
    "hold.returned": (
        "Your post is not shown in the community; on your own server it stays as it is.\n\nWhat the person who looked says: {reason}\n\n"
        "You are welcome to write again. Questions: answer `help`."
    ),
    "hold.returned_unseen": (
        "Nobody had time to look at your post, so it is not shown in the community; on your own server it stays as it is.\n\n"
        "That says nothing about your words. You are welcome to write again. Questions: answer `help`."
    ),
    **CASE_NOTICES,
    **ACT_NOTICES,
    # To whoever decides about holds.
    "decide.authors": "This waits for its author: whether words cross is never decided by anybody else.",
    "decide.knock": "This is private: only the person it is for lets it in.",
    "decide.time": "This only waits its turn: nobody has to look at it, and it goes on by itself.",
}

LEVELS: Mapping[Audience, str] = {
    Audience.PUBLIC: "public: anyone on the web can read it",
    Audience.UNLISTED: "unlisted: anyone who finds it can read it, but it is not put on display",
    Audience.COMMUNITY: "for the community: those who follow it can read it",
    Audience.DIRECT: "for nobody outside",
    Audience.LOCAL: "for nobody outside",
}

STATES: Mapping[str, str] = {
    "off": "they stay where you write them",
    "ask": "you are asked each time",
    "quiet": "they cross, unlisted",
    "on": "they cross",
    "addressed": "they cross when addressed to the community",
}


def notice(code: str, args: Iterable[tuple[str, str]] = ()) -> RichText:
    """The text for a code. Raises KeyError for a code that is not in the table, which is our bug."""
    return say(NOTICES[code], args)


def room_words(place: Place) -> str:
    """Who can read a room, in a sentence."""
    name = f"“{line(place.name)}”" if place.name else "This room"
    if place.openness.encrypted:
        return f"{name} is encrypted: those in it read it, and nothing crosses."
    if place.openness.join is Join.PUBLIC:
        if place.openness.history is History.WORLD:
            return f"Anyone on the web can read {name.replace('This', 'this')}, also what was said before."
        return f"Anyone can join {name.replace('This', 'this')} and read from then on."
    return f"Only people who were let in read {name.replace('This', 'this')}."


def counted(number: int, one: str, many: str) -> str:
    """`1 server`, `3 servers`."""
    return f"{number} {one if number == 1 else many}"
