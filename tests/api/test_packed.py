"""A single row comes from PostgreSQL packed into one column; on several nodes, which cannot send such rows to each other, as it is."""

import psycopg
import pytest
from support.alone import alone
from support.world import Street
from test_story_ordinary import test_resident_reports_and_grid_worker_ends_it_at_the_source as live_through


def take_for_several_nodes(postgres):
    with psycopg.connect(postgres.url("postgres", "main"), autocommit=True) as connection:
        connection.execute("SET allow_system_table_mods = on")
        connection.execute("UPDATE pg_extension SET extname = 'citus' WHERE extname = 'plpgsql'")


@pytest.mark.parametrize("nodes", ["one", "several"])
def test_rows_come_in_both_ways(contract, clock, nodes):
    with alone(before=take_for_several_nodes if nodes == "several" else lambda postgres: None) as (postgres, service):
        street = Street(service, contract, clock, "street")
        live_through(street, clock)
        assert street.citizen.get("/v1/cases/00000000-0000-4000-8000-000000000000").status == 404
        with psycopg.connect(postgres.url("postgres", "main")) as connection:
            last = [text for (text,) in connection.execute("SELECT query FROM pg_stat_activity WHERE query ~ 'case_act' AND application_name = 'whistled'")]
        assert last and {text.endswith(" AS answer") for text in last} == {nodes == "one"}, last
