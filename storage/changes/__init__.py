"""Applies every `Change` once, whatever number of times it is asked to: the only door through which state is written."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import assert_never

from sqlalchemy import Connection

from bridge.changes import (
    AdvanceLane,
    AppendEvent,
    AppendItem,
    AppendLog,
    Change,
    Disown,
    DropBytes,
    DropCounters,
    DropEvidence,
    DropFollow,
    DropMedia,
    DropPart,
    DropPlace,
    DropPortal,
    EndDestination,
    EndEvent,
    EndGhost,
    EndHold,
    EndSession,
    EraseEvent,
    EraseIntake,
    EraseTraces,
    FailLane,
    ForgetActor,
    GiveUp,
    JoinRoster,
    LeaveRoster,
    LetIn,
    NoteAcquainted,
    NoteRelayed,
    Park,
    PutActor,
    PutCase,
    PutChannel,
    PutCommunity,
    PutConsent,
    PutConversation,
    PutCopy,
    PutCounters,
    PutDead,
    PutDecision,
    PutDoor,
    PutEvidence,
    PutFollow,
    PutGhost,
    PutHold,
    PutLink,
    PutMedia,
    PutMode,
    PutNorms,
    PutObject,
    PutOmission,
    PutOrigin,
    PutPart,
    PutPlace,
    PutPortal,
    PutSeat,
    PutSession,
    PutTenure,
    PutUpload,
    PutVouch,
    PutWithdrawal,
    Reassign,
    RemoveMedia,
    Requeue,
    Retract,
    SnoozeLane,
    Unpark,
    WakeHost,
)
from storage.changes import cases, files, lanes, norms, objects, outgoing, portals, seats, sessions, social, standing, streams, withdrawals

__all__ = ["apply", "apply_all"]


def apply_all(connection: Connection, changes: Sequence[Change], secret: bytes) -> None:
    """In order. Neighbours of a kind that comes in numbers share their statements. Raises Conflict."""
    for kind, group in groupby(changes, key=type):
        same = list(group)
        if kind is AdvanceLane:
            lanes.advance(connection, [change for change in same if isinstance(change, AdvanceLane)])
        elif kind is AppendItem:
            outgoing.append_items(connection, [change for change in same if isinstance(change, AppendItem)])
        else:
            for change in same:
                apply(connection, change, secret)


def apply(connection: Connection, change: Change, secret: bytes) -> None:
    """One change. `secret` keys the hashes under which tombstones are kept. Raises Conflict where the change says so."""
    match change:
        case AppendEvent():
            streams.append_event(connection, change)
        case EraseEvent():
            streams.erase_event(connection, change)
        case EndEvent():
            streams.end_event(connection, change)
        case EraseIntake():
            streams.erase_intake(connection, change)
        case Park():
            streams.park(connection, change)
        case Unpark():
            streams.unpark(connection, change)
        case PutDecision():
            objects.put_decision(connection, change)
        case PutObject():
            objects.put_object(connection, change, secret)
        case Retract():
            objects.retract(connection, change, secret)
        case PutCopy():
            objects.put_copy(connection, change)
        case PutPart():
            files.put_part(connection, change)
        case DropPart():
            files.drop_part(connection, change)
        case PutMedia():
            files.put_media(connection, change)
        case DropMedia():
            files.drop_media(connection, change)
        case DropBytes():
            files.drop_bytes(connection, change)
        case RemoveMedia():
            files.remove_media(connection, change)
        case PutUpload():
            files.put_upload(connection, change)
        case PutHold():
            objects.put_hold(connection, change)
        case EndHold():
            objects.end_hold(connection, change)
        case PutOmission():
            objects.put_omission(connection, change)
        case AppendItem():
            outgoing.append_items(connection, [change])
        case PutDead():
            outgoing.put_dead(connection, change)
        case Requeue():
            outgoing.requeue(connection, change)
        case JoinRoster():
            lanes.join(connection, change)
        case LeaveRoster():
            lanes.leave(connection, change)
        case AdvanceLane():
            lanes.advance(connection, [change])
        case FailLane():
            lanes.fail(connection, change)
        case SnoozeLane():
            lanes.snooze(connection, change)
        case GiveUp():
            lanes.give_up(connection, change)
        case EndDestination():
            lanes.end_destination(connection, change)
        case WakeHost():
            lanes.wake_host(connection, change)
        case PutActor():
            social.put_actor(connection, change)
        case ForgetActor():
            social.forget_actor(connection, change)
        case PutGhost():
            social.put_ghost(connection, change, secret)
        case EndGhost():
            social.end_ghost(connection, change, secret)
        case PutFollow():
            social.put_follow(connection, change)
        case DropFollow():
            social.drop_follow(connection, change)
        case PutConsent():
            social.put_consent(connection, change)
        case LetIn():
            standing.let_in(connection, change)
        case PutTenure():
            standing.put_tenure(connection, change)
        case PutSeat():
            seats.put_seat(connection, change)
        case PutVouch():
            standing.put_vouch(connection, change)
        case NoteAcquainted():
            standing.note_acquainted(connection, change, secret)
        case PutOrigin():
            standing.put_origin(connection, change)
        case PutMode():
            standing.put_mode(connection, change)
        case PutCounters():
            norms.put_counters(connection, change)
        case DropCounters():
            norms.forget_counters(connection, change)
        case PutNorms():
            norms.put_norms(connection, change)
        case NoteRelayed():
            social.note_relayed(connection, change)
        case PutConversation():
            social.put_conversation(connection, change)
        case PutPortal():
            portals.put_portal(connection, change)
        case DropPortal():
            portals.drop_portal(connection, change)
        case PutDoor():
            portals.put_door(connection, change)
        case PutCommunity():
            social.put_community(connection, change)
        case PutChannel():
            social.put_channel(connection, change)
        case DropPlace():
            social.drop_place(connection, change)
        case PutPlace():
            social.put_place(connection, change)
        case PutWithdrawal():
            withdrawals.put_withdrawal(connection, change, secret)
        case PutLink():
            sessions.put_link(connection, change)
        case PutSession():
            sessions.put_session(connection, change)
        case EndSession():
            sessions.end_session(connection, change)
        case Disown():
            withdrawals.disown(connection, change, secret)
        case Reassign():
            withdrawals.reassign(connection, change)
        case EraseTraces():
            withdrawals.erase_traces(connection, change, secret)
        case PutCase():
            cases.put_case(connection, change, secret)
        case PutEvidence():
            cases.put_evidence(connection, change, secret)
        case DropEvidence():
            cases.drop_evidence(connection, change)
        case AppendLog():
            cases.append_log(connection, change, secret)
        case _:
            assert_never(change)
