"""`trunkline order`: service orders that are held because a step failed for good, and what an operator does about them."""

import click

from trunkline.app.cli.refusal import run
from trunkline.app.cli.session import command_context, open_database
from trunkline.kernel.errors import NotFound
from trunkline.kernel.plans import PlanView, StepState, StepView, get_plan, retry_step, skip_step
from trunkline.oss.service_order import facade
from trunkline.oss.service_order.resources import service_orders

LISTED_MAX = 1_000


@click.group()
def order() -> None:
    """Service orders that need somebody: list, retry, skip, give up."""


@order.command()
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, LISTED_MAX))
def held(limit: int) -> None:
    """List held orders and those whose cancellation is stuck: the step, its number in the plan, and why.

    Example: trunkline order held
    """

    async def work() -> None:
        async with open_database() as database, database.read() as session:
            context = command_context(database)
            wanted = {"state": ["held", "pendingCancellation"]}
            found = await service_orders.select(session, context, wanted, limit=limit)
            rows = [
                (document, step)
                for document in found
                if "plan" in document
                for step in _failed(await get_plan(session, facade.plan_of(document), context))
            ]
        if not rows:
            click.echo("No order is held.")
            return
        for document, step in rows:
            item = f"item {step.input.get('itemId')}, step {step.n} {step.name}"
            since = f", since {step.finished_at:%Y-%m-%d %H:%M} UTC" if step.finished_at else ""
            click.echo(f"{document['id']}  {document['state']}  {item}{since}")
            click.echo(f"    {_why(step)}")

    run(work())


@order.command()
@click.argument("id_", metavar="SERVICE_ORDER")
@click.argument("step", metavar="STEP")
def retry(id_: str, step: str) -> None:
    """Try the failed STEP (its name or number) of an order again at once, with all its attempts.

    Example: trunkline order retry 0198c2e4-… 1.activate_access
    """

    async def work() -> None:
        async with open_database() as database, database.unit_of_work() as uow:
            context = command_context(database)
            plan_id = facade.plan_of(await service_orders.get(uow, id_, context))
            plan = await get_plan(uow, plan_id, context)
            await retry_step(uow, plan_id, _number(plan, step), context)

    run(work())
    click.echo(f"step {step} is tried again by the next worker that is free")


@order.command()
@click.argument("id_", metavar="SERVICE_ORDER")
@click.argument("step", metavar="STEP")
@click.option("--reason", required=True, help="Why the order may go on without it; kept with the step.")
def skip(id_: str, step: str, reason: str) -> None:
    """Go on without the failed STEP (its name or number), when what it does was done by hand.

    Example: trunkline order skip 0198c2e4-… 1.activate_access --reason "configured by hand, ticket 4711"
    """

    async def work() -> None:
        async with open_database() as database, database.unit_of_work() as uow:
            context = command_context(database)
            plan_id = facade.plan_of(await service_orders.get(uow, id_, context))
            plan = await get_plan(uow, plan_id, context)
            await skip_step(uow, plan_id, _number(plan, step), reason, context)

    run(work())
    click.echo(f"step {step} is skipped")


@order.command("give-up")
@click.argument("id_", metavar="SERVICE_ORDER")
@click.argument("item", metavar="ITEM")
@click.option("--reason", required=True, help="Why it cannot be done; kept as a note of the order.")
def give_up(id_: str, item: str, reason: str) -> None:
    """Give the held ITEM of an order up: what was done for it is taken back, then it has failed.

    Example: trunkline order give-up 0198c2e4-… 1 --reason "no duct to the building"
    """

    async def work() -> None:
        async with open_database() as database, database.unit_of_work() as uow:
            await facade.give_up_item(uow, id_, item, reason, command_context(database))

    run(work())
    click.echo(f"item {item} is taken back")


def _failed(plan: PlanView) -> list[StepView]:
    """The steps that wait for somebody: failed for good, and not being taken back."""
    taken_back = {step.undoes for step in plan.steps}
    return [step for step in plan.steps if step.state == StepState.FAILED and step.name not in taken_back]


def _why(step: StepView) -> str:
    error = step.error or {}
    return " ".join(str(error[name]) for name in ("reason", "message", "hint") if error.get(name))


def _number(plan: PlanView, step: str) -> int:
    """The number of a step that is named by its name or its number."""
    for known in plan.steps:
        if step in (known.name, str(known.n)):
            return known.n
    failed = [known.name for known in _failed(plan)]
    raise NotFound("unknownStep", f"The order has no step {step!r}.", allowed=failed or None)
