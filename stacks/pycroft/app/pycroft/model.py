"""The tables: rooms, the residents in them, and the runs of tasks that were done for a resident."""

from datetime import UTC, datetime

from sqlalchemy import DateTime, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


def now() -> datetime:
    return datetime.now(UTC)


class Base(DeclarativeBase):
    pass


class Room(Base):
    __tablename__ = "room"
    __table_args__ = (UniqueConstraint("building", "number", name="room_building_number_key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    building: Mapped[str] = mapped_column(String(64))
    number: Mapped[str] = mapped_column(String(16))
    residents: Mapped[list["Resident"]] = relationship(back_populates="room", order_by="Resident.login")

    def __str__(self) -> str:
        return f"{self.building} {self.number}"


class Resident(Base):
    __tablename__ = "resident"

    id: Mapped[int] = mapped_column(primary_key=True)
    login: Mapped[str] = mapped_column(String(32), unique=True)
    name: Mapped[str] = mapped_column(String(128))
    email: Mapped[str] = mapped_column(String(256))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=now)
    room_id: Mapped[int | None] = mapped_column(ForeignKey("room.id"), index=True)
    room: Mapped[Room | None] = relationship(back_populates="residents")
    runs: Mapped[list["TaskRun"]] = relationship(
        back_populates="resident", order_by="TaskRun.id", cascade="all, delete-orphan"
    )


class TaskRun(Base):
    """One run of a task for a resident, written by the worker that did it."""

    __tablename__ = "task_run"

    id: Mapped[int] = mapped_column(primary_key=True)
    task: Mapped[str] = mapped_column(String(128))
    task_id: Mapped[str] = mapped_column(String(64))
    outcome: Mapped[str] = mapped_column(String(256))
    worker: Mapped[str] = mapped_column(String(128))
    finished_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=now)
    resident_id: Mapped[int] = mapped_column(ForeignKey("resident.id", ondelete="CASCADE"), index=True)
    resident: Mapped[Resident] = relationship(back_populates="runs")
