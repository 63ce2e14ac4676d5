"""The start page."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import selectinload

from pycroft.model import Resident
from pycroft.web.api import state

blueprint = Blueprint("pages", __name__)

NEWEST = 50


@blueprint.get("/")
def index() -> ResponseReturnValue:
    reports = state().health.check()
    query = (
        select(Resident)
        .options(selectinload(Resident.room), selectinload(Resident.runs))
        .order_by(Resident.id.desc())
        .limit(NEWEST)
    )
    try:
        with state().sessions() as session:
            total = session.scalar(select(func.count()).select_from(Resident))
            residents = list(session.scalars(query))
    except SQLAlchemyError:
        # The page says that the database is away, by its report.
        total, residents = None, []
    return render_template("index.html", reports=reports, residents=residents, total=total)
