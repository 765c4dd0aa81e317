"""Each origin rule, trap, quirk of a real server and advisory that the specifications name has tests, and this is the list of them.

Activitypub.md 2.8 (FEP-fe34), section 9, 2.11; peers-on-the-wire.md. What no test proved before stands below the list.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from bridge.model.audience import Audience
from bridge.refs import Ignored
from protocols.activitypub.ids import native
from tests.protocols.activitypub.world import ANA_GHOST, GROUP, KIM, PUBLIC, SAM, World, born, deed, only

TESTS = Path(__file__).resolve().parents[2]

ORIGIN_RULES = {
    "O1": "test_a_server_whose_name_begins_like_ours_is_not_ours test_an_origin_has_one_form",
    "O2": "test_o2_another_id_of_the_same_server_is_asked_for_there_once test_o2_nobody_speaks_for_another_server "
    "test_o2_a_redirect_lends_nobodys_name",
    "O3": "test_redirects_end test_redirects_are_followed_and_signed_anew_at_each_hop test_a_redirect_inward_or_elsewhere_strange_is_refused",
    "O4": "test_o4_an_upload_that_looks_like_an_actor_is_none test_activitypub_comes_under_its_own_media_types",
    "O5": "test_o5_our_own_address_is_never_asked test_our_own_address_is_never_asked_for_a_key",
    "O6": "test_what_breaks_an_origin_rule_is_refused_by_its_name test_a_key_that_is_not_named_from_both_sides_is_not_believed",
    "O7": "test_what_a_group_says_somebody_said_is_asked_for_at_its_origin test_words_that_their_server_does_not_serve_are_not_believed",
    "O8": "test_what_breaks_an_origin_rule_is_refused_by_its_name",
    "O9": "test_what_breaks_an_origin_rule_is_refused_by_its_name test_no_group_changes_or_ends_an_actor",
    "O10": "test_what_breaks_an_origin_rule_is_refused_by_its_name test_an_announced_deletion_is_believed_when_it_is_gone",
    # Nothing is added, moved or approved on anybody's word yet, so nobody's word can be wrong.
    "O11": "test_what_is_not_acted_on_yet_is_ignored_by_name",
    "O12": "test_o12_what_was_not_said_to_everybody_is_passed_on_by_its_author_alone",
    "O13": "test_only_a_pending_follow_is_accepted_and_only_once test_what_breaks_an_origin_rule_is_refused_by_its_name",
    "O14": "test_what_is_not_acted_on_yet_is_ignored_by_name",
    "O15": "test_gone_is_what_its_own_server_calls_gone test_who_is_known_without_a_key_may_go_when_their_server_calls_them_gone",
    "O16": "test_o16_a_name_that_only_one_side_knows_is_not_believed",
    "O17": "test_what_is_not_acted_on_yet_is_ignored_by_name",
    "O18": "test_what_breaks_an_origin_rule_is_refused_by_its_name test_a_poll_vote_is_no_answer",
}

TRAPS = {
    1: "test_headers_are_those_that_nobody_objects_to",
    2: "test_what_is_signed_here_is_what_every_peer_accepts",
    3: "test_whatever_is_wrong_with_a_signature_is_answered_401_and_stored_nowhere",
    4: "test_every_attempt_is_signed_anew test_a_redirect_is_signed_anew_and_its_end_is_what_counts",
    5: "test_an_inbox_with_a_query_is_tried_both_ways test_the_second_knock_signs_the_path_alone",
    6: "test_the_receiving_side_verifies_who_sent_it test_gotosocials_stub_is_not_the_last_word",
    7: "test_trap_7_no_id_has_a_fragment",
    8: "test_trap_8_ids_are_lower_case_on_our_one_host",
    9: "test_headers_are_those_that_nobody_objects_to test_every_actor_is_served_unsigned_and_read_back_by_our_own_reader",
    10: "test_trap_10_webfinger_names_the_actor_byte_for_byte test_nobody_gets_a_name_that_somebody_has_or_had",
    11: "test_trap_11_a_new_thread_is_announced_in_both_forms_and_an_answer_only_wrapped",
    12: "test_trap_12_what_somebody_elsewhere_did_is_wrapped_byte_for_byte",
    13: "test_trap_13_an_author_elsewhere_hears_their_own_post_announced",
    14: "test_trap_14_public_is_in_to_of_a_delete_and_every_announce_has_both_lists",
    15: "test_trap_15_shapes_are_the_ones_lemmy_parses",
    16: "test_trap_16_an_authors_own_delete_has_no_summary",
    17: "test_trap_17_a_group_lets_everybody_follow",
    18: "test_trap_18_undo_and_accept_embed_what_they_answer test_a_sign_that_is_taken_back_still_says_which_it_was",
    19: "test_trap_19_nothing_a_person_does_is_by_the_instance_actor",
    20: "test_trap_11_a_new_thread_is_announced_in_both_forms_and_an_answer_only_wrapped test_a_closer_circle_is_served_to_nobody",
    21: "test_trap_21_group_software_gets_a_page_of_the_same_id_and_everybody_else_the_note",
    22: "test_trap_22_nothing_we_send_is_over_sixty_kilobytes",
    23: "test_an_activity_is_durable_before_it_is_answered test_a_full_disk_is_answered_come_back_later",
    24: "test_what_a_group_says_somebody_said_is_asked_for_at_its_origin test_without_a_proof_nobody_speaks_for_another",
    25: "test_a_file_is_served_as_what_it_is_and_nothing_in_it_runs test_o4_an_upload_that_looks_like_an_actor_is_none "
    "test_urls_have_the_servers_name_and_handles_the_domains",
}

ON_THE_WIRE = {
    "1.1.1 an instance actor signs all fetches, and is served unsigned": "test_every_document_is_asked_for_in_the_name_of_the_instance_actor "
    "test_every_actor_is_served_unsigned_and_read_back_by_our_own_reader",
    "1.1.2 no actor is made of a key stub": "test_gotosocials_stub_is_not_the_last_word test_the_key_stub_of_gotosocial_is_no_actor",
    "1.1.5 the signature in its own header alone": "test_headers_are_those_that_nobody_objects_to",
    "1.1.5 a 400 is never tried again": "test_what_will_never_be_taken_ends_this_item_alone "
    "test_a_no_from_a_server_that_believed_us_is_about_the_activity",
    "1.1.6 keys are never made again": "test_many_who_ask_at_once_get_one_key test_a_key_outlives_the_process",
    "1.1.7 what is asked at first contact answers": "test_every_address_an_actor_names_answers test_what_peers_ask_and_we_do_not_have_is_a_quick_404",
    "1.1.9 an Undo may come first": "test_an_undo_that_comes_before_its_like_keeps_it_away",
    "1.1.9 a Block is taken without a fetch": "test_a_block_is_taken_without_asking_who_blocks",
    "1.1.11 whoever is written to is tagged": "test_a_private_word_tags_whom_it_is_for_and_names_nobody_else",
    "1.2.1 signatures are shown to somebody who checks them": "test_all_six_actors_of_the_pasture_can_speak_with_a_group_or_must_not "
    "test_only_what_is_signed_by_its_actor_is_taken",
    "1.2.2 a slow Accept is no refusal": "test_only_a_pending_follow_is_accepted_and_only_once",
    "1.2.3 a vote and its activity may have one id": "test_takahe_gives_a_vote_one_id_for_activity_and_note",
    "1.2.4 Public in three spellings": "test_to_and_cc_say_who_may_see_it",
    "1.2.6 an Undo of nothing harms nothing": "test_undoing_something_unknown_is_harmless",
    "1.3.1 POST /inbox and GET /": "test_inboxes_are_at_the_same_address_as_the_documents test_the_root_is_an_application_with_an_inbox",
    "1.3.1 discovery whatever the Accept header": "test_discovery_answers_whatever_the_accept_header",
    "1.3.2 both forms of Announce": "test_a_post_is_the_same_event_in_every_form_of_announce",
    "1.3.6 moderators from the first contact": "test_moderators_and_pins_answer_from_the_first_contact "
    "test_a_group_names_its_moderators_from_the_first_contact",
    "1.3.8 a 500 is tried again": "test_come_back_later_is_a_retry_with_the_wait_they_ask_for",
    "1.3.9 empty texts are absent": "test_an_empty_in_reply_to_is_none",
    "1.4.1 keys are fragments of their actor": "test_the_receiving_side_verifies_who_sent_it",
    "1.5.1 401 to a signature that is not understood": "test_whatever_is_wrong_with_a_signature_is_answered_401_and_stored_nowhere",
    "1.5.2 failures of keys are remembered": "test_bad_signatures_cost_their_keys_server_at_most_one_question_in_five_minutes",
    "2 a used id does not hide an Update": "test_two_updates_under_one_activity_id_are_two_rows "
    "test_an_update_with_a_used_id_is_a_new_revision_when_the_words_changed",
}

ADVISORIES = {
    "CVE-2024-23832": "test_o2_nobody_speaks_for_another_server test_what_breaks_an_origin_rule_is_refused_by_its_name",
    "CVE-2024-25623": "test_o4_an_upload_that_looks_like_an_actor_is_none",
    "CVE-2024-25636": "test_o4_an_upload_that_looks_like_an_actor_is_none",
    "GHSA-3f39-6537-3cgc": "test_what_breaks_an_origin_rule_is_refused_by_its_name",
    "GHSA-2vxv-pv3m-3wvj": "test_who_says_what_is_not_theirs_is_answered_202_and_refused_by_name",
    "CVE-2026-28432": "test_no_change_of_one_character_goes_unnoticed test_what_could_be_read_in_two_ways_is_not_read_at_all",
    "CVE-2025-54888": "test_only_verify_can_say_that_something_is_verified test_the_signature_comes_before_the_words",
    "CVE-2022-24307": "test_a_linked_data_signature_beside_it_is_set_aside test_without_a_proof_nobody_speaks_for_another",
    "CVE-2026-46349": "test_without_a_proof_nobody_speaks_for_another",
    "CVE-2026-42462": "test_without_a_proof_nobody_speaks_for_another",
    "Akkoma 2024.03": "test_o2_a_redirect_lends_nobodys_name test_o5_our_own_address_is_never_asked",
    "Akkoma 2024.04.1": "test_o16_a_name_that_only_one_side_knows_is_not_believed",
    "CVE-2025-30741": "test_only_a_pending_follow_is_accepted_and_only_once",
    "CVE-2025-25194": "test_a_literal_address_that_no_resolver_sees_is_stopped_at_the_socket",
    "CVE-2026-33693": "test_no_special_range_is_reachable_from_its_first_address_to_its_last",
    "CVE-2024-39687": "test_the_guard_is_in_the_way_of_every_fetch",
    "CVE-2025-23221": "test_names_are_asked_where_the_guard_allows",
    "CVE-2026-50131": "test_no_special_range_is_reachable_from_its_first_address_to_its_last",
    "CVE-2026-62857": "test_a_redirect_inward_or_elsewhere_strange_is_refused",
    "CVE-2026-77632": "test_redirects_are_followed_and_signed_anew_at_each_hop",
    "GHSA-vwhj-3g83-v276": "test_wrapping_an_inner_address_does_not_let_it_through",
    "GHSA-xfrj-c749-jxxq": "test_wrapping_an_inner_address_does_not_let_it_through",
    "GHSA-crr4-7rm4-8gpw": "test_the_operators_session_reaches_the_operators_origins_and_no_other",
    "CVE-2026-34148": "test_redirects_end test_a_failure_is_remembered_for_some_minutes",
    "CVE-2026-69132": "test_what_strangers_can_make_us_remember_is_bounded test_memory_of_failures_is_bounded test_memory_of_servers_is_bounded",
    "CVE-2023-36460": "test_the_library_is_never_asked_to_open_another_format",
    "CVE-2023-36459": "test_what_leaves_is_already_clean test_names_are_words_and_never_markup",
    "CVE-2023-36461": "test_a_body_that_drips_is_cut_at_the_absolute_deadline",
    "CVE-2023-42451": "test_a_server_whose_name_begins_like_ours_is_not_ours test_an_origin_has_one_form",
    "CVE-2026-23961": "test_what_a_group_says_somebody_said_is_asked_for_at_its_origin",
    "GHSA-gg8q-rcg7-p79g": "test_what_passes_a_bound_is_refused_and_told_which",
    "GHSA-6x3w-9g92-gvf3": "test_no_megabyte_takes_long_to_refuse",
    "GHSA-q4g8-82c5-9h33": "test_what_is_not_acted_on_yet_is_ignored_by_name",
    "GHSA-8h43-rcqj-wpc6": "test_what_is_not_acted_on_yet_is_ignored_by_name",
    "GHSA-ccpr-m53r-mfwr": "test_a_closer_circle_is_served_to_nobody",
    "GHSA-gwhw-gcjx-72v8": "test_what_is_not_there_is_404_in_words test_a_closer_circle_is_served_to_nobody",
    "CVE-2023-49952": "test_the_host_is_ours_whatever_the_header_says",
    "CVE-2026-29178": "test_what_is_no_handle_is_said_with_how_to_write_one",
    "GHSA-qrgq-9fx2-vf2r": "test_no_bomb_takes_fifty_milliseconds",
    "CVE-2025-68475": "test_no_bomb_takes_fifty_milliseconds",
}

LISTS = {"origin rules": ORIGIN_RULES, "traps": TRAPS, "on the wire": ON_THE_WIRE, "advisories": ADVISORIES}


def functions() -> frozenset[str]:
    """Every test there is, by its name."""
    found = set()
    for path in TESTS.rglob("test_*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        found |= {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    return frozenset(found)


@pytest.mark.parametrize("name", LISTS)
def test_every_promise_is_kept_by_a_test_that_there_is(name: str) -> None:
    there = functions()
    assert {rule: test for rule, tests in LISTS[name].items() for test in tests.split() if test not in there} == {}
    assert all(tests.split() for tests in LISTS[name].values())


def test_no_rule_and_no_trap_is_left_out() -> None:
    assert list(ORIGIN_RULES) == [f"O{number}" for number in range(1, 19)]
    assert list(TRAPS) == list(range(1, 26))


# ------------------------------------------------------------------------------------------------- what nothing proved before


def test_o12_what_was_not_said_to_everybody_is_passed_on_by_its_author_alone() -> None:
    world = World()
    closer = born(native("https://a.example/o/closer"), SAM, place=GROUP, audience=Audience.COMMUNITY)
    world.known.append(closer)
    reading = world.read(deed("Announce", closer.native.id, KIM, to=[PUBLIC]))
    assert isinstance(reading, Ignored)
    assert reading.why.startswith("O12")
    own = only(world.read(deed("Announce", closer.native.id, SAM, to=[PUBLIC])))
    assert own.audience is Audience.COMMUNITY, "and to nobody else than before"


def test_a_block_is_taken_without_asking_who_blocks() -> None:
    """GoToSocial 0.20 refused that question, because whoever is blocked was asking, and then sent the Block again after its Undo."""
    world = World()
    world.read(deed("Block", ANA_GHOST.native.id))
    assert world.asked == []
