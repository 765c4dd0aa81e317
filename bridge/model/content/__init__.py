"""What an event carries: one file per content type; `Content` is the closed union that every `match` must exhaust."""

from __future__ import annotations

from bridge.model.content.appointment import Appointment
from bridge.model.content.boost import Boost
from bridge.model.content.command import Command
from bridge.model.content.edit import Edit
from bridge.model.content.lock import Lock
from bridge.model.content.membership import Membership
from bridge.model.content.message import Message
from bridge.model.content.notice import Notice
from bridge.model.content.profile import Profile
from bridge.model.content.reaction import Reaction
from bridge.model.content.release import Release
from bridge.model.content.report import Report
from bridge.model.content.restoration import Restoration
from bridge.model.content.retraction import Retraction
from bridge.model.content.sanction import Sanction
from bridge.model.content.setting import Setting
from bridge.model.content.sighting import Sighting

Content = (
    Message
    | Edit
    | Retraction
    | Reaction
    | Boost
    | Membership
    | Profile
    | Command
    | Release
    | Setting
    | Sighting
    | Notice
    | Report
    | Sanction
    | Lock
    | Restoration
    | Appointment
)

CONTENT_TYPES: tuple[type, ...] = (
    Message,
    Edit,
    Retraction,
    Reaction,
    Boost,
    Membership,
    Profile,
    Command,
    Release,
    Setting,
    Sighting,
    Notice,
    Report,
    Sanction,
    Lock,
    Restoration,
    Appointment,
)

__all__ = [
    "CONTENT_TYPES",
    "Appointment",
    "Boost",
    "Command",
    "Content",
    "Edit",
    "Lock",
    "Membership",
    "Message",
    "Notice",
    "Profile",
    "Reaction",
    "Release",
    "Report",
    "Restoration",
    "Retraction",
    "Sanction",
    "Setting",
    "Sighting",
]


def tag_of(content: Content) -> str:
    """`message`, `edit` …: the name of the content type's file."""
    return str(content.__struct_config__.tag)
