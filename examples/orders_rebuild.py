"""Recompute the totals of a shop's orders in the database, a page at a time, and put the old ones back when it is undone.

    psql "$DATABASE_URL" -c "$(python -c 'import examples.orders_rebuild as o; print(o.SCHEMA)')"
    WAYSTATION_KINDS=examples.orders_rebuild waystation up

Start it on the page, or with: waystation submit orders.rebuild --set shop=bonn
"""

from __future__ import annotations

from pydantic import BaseModel, Field

from waystation.sdk import Checkpoint, Context, Steps, task

SCHEMA = """
CREATE TABLE public.orders (id bigint PRIMARY KEY, shop text NOT NULL, total numeric NOT NULL DEFAULT 0);
CREATE INDEX orders_of_shop ON public.orders (shop, id);
CREATE TABLE public.order_lines (order_id bigint NOT NULL REFERENCES public.orders, quantity int, price numeric);
CREATE INDEX lines_of_order ON public.order_lines (order_id);
CREATE TABLE public.totals_before (task uuid NOT NULL, id bigint NOT NULL, total numeric NOT NULL, PRIMARY KEY (task, id));
"""
KEEP = """
INSERT INTO public.totals_before (task, id, total) SELECT %(task)s, id, total FROM public.orders WHERE id = ANY(%(ids)s)
"""
RECOMPUTE = """
UPDATE public.orders o SET total =
    (SELECT coalesce(sum(l.quantity * l.price), 0) FROM public.order_lines l WHERE l.order_id = o.id)
WHERE o.id = ANY(%(ids)s)
"""
PUT_BACK = """
WITH old AS (
    DELETE FROM public.totals_before WHERE task = %(task)s AND id IN
        (SELECT id FROM public.totals_before WHERE task = %(task)s ORDER BY id DESC LIMIT %(page)s::int)
    RETURNING id, total
)
UPDATE public.orders o SET total = old.total FROM old WHERE o.id = old.id
"""


class Params(BaseModel):
    """Whose orders."""

    shop: str = Field(description="The shop, by its name.")
    page: int = Field(500, ge=1, description="Orders that one step recomputes.")


@task("orders.rebuild", unit="orders", unique="shop")
def rebuild(ctx: Context, params: Params, cursor: int = 0) -> Steps:
    """Recompute every order total of one shop."""
    asked = {"shop": params.shop, "page": params.page, "task": ctx.task}
    counted = ctx.db.execute(
        "SELECT count(*) FILTER (WHERE id <= %(after)s::bigint) AS done, count(*) AS total"
        " FROM public.orders WHERE shop = %(shop)s",
        {**asked, "after": cursor},
    ).fetchone()
    assert counted is not None
    done = counted["done"]
    while ids := [
        row["id"]
        for row in ctx.db.execute(
            "SELECT id FROM public.orders WHERE shop = %(shop)s AND id > %(after)s::bigint ORDER BY id LIMIT %(page)s::int",
            {**asked, "after": cursor},
        )
    ]:
        ctx.db.execute(KEEP, {**asked, "ids": ids})
        ctx.db.execute(RECOMPUTE, {**asked, "ids": ids})
        cursor, done = ids[-1], done + len(ids)
        yield Checkpoint(cursor, done=done, total=counted["total"])
    return {"orders": done}


@rebuild.undo
def put_back(ctx: Context, params: Params, cursor: int = 0) -> Steps:
    """Put the totals back that stood there before, a page at a time."""
    while back := ctx.db.execute(PUT_BACK, {"task": ctx.task, "page": params.page}).rowcount:
        cursor += back
        yield Checkpoint(cursor, done=cursor)
