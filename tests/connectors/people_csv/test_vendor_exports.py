"""Exports in the shapes that six HR vendors write, with made-up people: mapping alone is enough to read each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.people_csv.mapping import ExportFormat, mapping_problems
from connectors.people_csv.reading import read_export

NOW = datetime(2026, 11, 2, tzinfo=UTC)


@dataclass(frozen=True)
class VendorExport:
    """`leaver` leaves on 30 November 2026, `stays` works and is the leaver's manager, and `left` left earlier."""

    columns: dict[str, str]
    form: dict[str, Any]
    content: bytes
    leaver: str
    stays: str
    left: str


WORKDAY = VendorExport(
    {
        "employee_number": "Employee ID", "given_name": "Legal Name - First Name",
        "family_name": "Legal Name - Last Name", "display_name": "Worker", "email": "Email - Primary Work",
        "title": "Business Title", "department": "Cost Center", "manager_hr_id": "Manager ID",
        "start_date": "Hire Date", "cutoff_date": "Termination Date", "status": "Worker Status",
    },
    {"title_row": 3, "dates": "us", "time_zone": "America/Chicago", "leaves_when": "row.cutoff_date != ''"},
    b"Workers - All\r\nEffective as of,11/02/2026\r\n"
    b"Worker,Employee ID,Legal Name - First Name,Legal Name - Last Name,Email - Primary Work,Business Title,"
    b"Cost Center,Manager ID,Hire Date,Termination Date,Worker Status\r\n"
    b"Nora Berg (On Notice),21001,Nora,Berg,nora.berg@f.example,Analyst,CC100,21002,03/01/2021,11/30/2026,Active\r\n"
    b"Bea Kraft,21002,Bea,Kraft,bea.kraft@f.example,Lead,CC100,,03/01/2019,,Active\r\n"
    b"Omar Lind,21003,Omar,Lind,omar.lind@f.example,Analyst,CC100,21002,03/01/2019,10/01/2026,Terminated\r\n",
    "21001", "21002", "21003",
)  # fmt: skip
BAMBOOHR = VendorExport(
    {
        "employee_number": "Employee #", "given_name": "First Name", "family_name": "Last Name",
        "display_name": "Preferred Name", "email": "Work Email", "department": "Department", "title": "Job Title",
        "manager_email": "Supervisor Email", "start_date": "Hire Date", "cutoff_date": "Termination Date",
        "status": "Employment Status",
    },
    {"dates": ["DD MMM YYYY", "iso"], "time_zone": "America/Denver"},
    b"Employee #,First Name,Last Name,Preferred Name,Work Email,Department,Job Title,Supervisor Email,Hire Date,"
    b"Termination Date,Employment Status\n"
    b'7,Nora,Berg,,nora.berg@f.example,"Sales, West",Analyst,bea.kraft@f.example,01 Mar 2021,30 Nov 2026,Full-Time\n'
    b"8,Bea,Kraft,Bee,bea.kraft@f.example,Sales,Lead,,01 Mar 2019,0000-00-00,Full-Time\n"
    b"9,Omar,Lind,,omar.lind@f.example,Sales,Analyst,bea.kraft@f.example,01 Mar 2019,01 Oct 2026,Terminated\n",
    "7", "8", "9",
)  # fmt: skip
PERSONIO = VendorExport(
    {
        "employee_number": "Personalnummer", "given_name": "Vorname", "family_name": "Nachname", "email": "E-Mail",
        "department": "Abteilung", "title": "Position", "manager_hr_id": "Vorgesetzte/r (Personalnummer)",
        "start_date": "Eintrittsdatum", "cutoff_date": "Letzter Arbeitstag", "status": "Status",
    },
    {
        "encoding": "windows-1252", "delimiter": ";", "dates": "german", "time_zone": "Europe/Berlin",
        "leaves_when": "row.status in ['gekündigt', 'ausgeschieden']",
    },
    (
        "Personalnummer;Vorname;Nachname;E-Mail;Abteilung;Position;Vorgesetzte/r (Personalnummer);Eintrittsdatum;"
        "Letzter Arbeitstag;Status\r\n"
        "P-1;Nora;Bergström;nora@f.example;Bäckerei;Köchin;P-2;01.03.2021;30.11.2026;gekündigt\r\n"
        "P-2;Bea;Kraft;bea@f.example;Bäckerei;Leiterin;;01.03.2019;31.12.2026;befristet\r\n"
        "P-3;Omar;Lind;omar@f.example;Bäckerei;Koch;P-2;01.03.2019;01.10.2026;ausgeschieden\r\n"
    ).encode("windows-1252"),
    "P-1", "P-2", "P-3",
)  # fmt: skip
SUCCESSFACTORS = VendorExport(
    {
        "hr_id": "USERID", "employee_number": "EMPID", "given_name": "FIRSTNAME", "family_name": "LASTNAME",
        "email": "EMAIL", "department": "DEPARTMENT", "title": "TITLE", "manager_hr_id": "MANAGER",
        "time_zone": "TIMEZONE", "start_date": "HIREDATE", "cutoff_date": "COMPANYEXITDATE", "status": "STATUS",
    },
    {"rows_after_titles": 1, "dates": "us"},
    "\ufeffSTATUS,USERID,EMPID,FIRSTNAME,LASTNAME,EMAIL,MANAGER,DEPARTMENT,TITLE,HIREDATE,COMPANYEXITDATE,TIMEZONE\n"
    "Status,User ID,Employee ID,First Name,Last Name,Email,Manager,Department,Title,Hire Date,Exit Date,Time Zone\n"
    "active,nberg,501,Nora,Berg,nora@f.example,bkraft,Plant,Analyst,03/01/2021,11/30/2026,Europe/Paris\n"
    "active,bkraft,502,Bea,Kraft,bea@f.example,NO_MANAGER,Plant,Lead,03/01/2019,12/31/9999,Europe/Paris\n"
    "inactive,olind,503,Omar,Lind,omar@f.example,bkraft,Plant,Analyst,03/01/2019,10/01/2026,Europe/Paris\n".encode(),
    "501", "502", "503",
)  # fmt: skip
ADP = VendorExport(
    {
        "employee_number": "Associate ID", "display_name": "Payroll Name", "email": "Work Contact: Work Email",
        "title": "Job Title Description", "department": "Home Department Description",
        "manager_hr_id": "Reports To Associate ID", "start_date": "Hire/Rehire Date",
        "cutoff_date": "Termination Date", "status": "Position Status",
    },
    {
        "dates": "us", "time_zone": "America/New_York", "several_rows": "combine", "trailer": "Record Count",
        "leaves_when": "row.status == 'Terminated' || row.cutoff_date != ''",
    },
    b"Associate ID,Payroll Name,Position Status,Hire/Rehire Date,Termination Date,Job Title Description,"
    b"Home Department Description,Reports To Associate ID,Work Contact: Work Email\n"
    b'A1,"Berg, Nora",Active,03/01/2021,11/30/2026,Analyst,Claims,A2,nora@f.example\n'
    b'A1,"Berg, Nora",Terminated,03/01/2020,06/30/2026,Trainer,Claims,A2,nora@f.example\n'
    b'A2,"Kraft, Bea",Terminated,01/01/2015,03/31/2019,Clerk,Claims,,bea@f.example\n'
    b'A2,"Kraft, Bea",Active,06/01/2020,,Lead,Claims,,bea@f.example\n'
    b'A3,"Lind, Omar",Terminated,03/01/2019,10/01/2026,Analyst,Claims,A2,omar@f.example\n'
    b"Record Count: 5\n",
    "A1", "A2", "A3",
)  # fmt: skip
RIPPLING = VendorExport(
    {
        "employee_number": "Employee ID", "display_name": "Full name", "email": "Work email",
        "manager_email": "Manager - Work email", "department": "Department", "title": "Title",
        "start_date": "Start date", "cutoff_date": "End date", "cutoff_time": "Access ends at", "status": "Status",
        "time_zone": "Work location - Time zone",
    },
    {"dates": "MMM D, YYYY"},
    b'Employee ID,Full name,Work email,Manager - Work email,Department,Title,Start date,End date,Access ends at,'
    b"Status,Work location - Time zone\n"
    b'1,Nora Berg,nora@f.example,bea@f.example,Growth,Analyst,"Mar 1, 2021","Nov 30, 2026",5:00 PM,Leaving,Asia/Tokyo\n'
    b'2,Bea Kraft,bea@f.example,,Growth,Lead,"Mar 1, 2019",,,Active,Asia/Tokyo\n'
    b'3,Omar Lind,omar@f.example,bea@f.example,Growth,Analyst,"Mar 1, 2019","Oct 1, 2026",,Terminated,Asia/Tokyo\n',
    "1", "2", "3",
)  # fmt: skip
SHAPES = {
    "Workday": WORKDAY, "BambooHR": BAMBOOHR, "Personio": PERSONIO, "SuccessFactors": SUCCESSFACTORS, "ADP": ADP,
    "Rippling": RIPPLING,
}  # fmt: skip


@pytest.mark.parametrize("vendor", SHAPES)
def test_a_vendors_export_is_read_by_mapping_alone(vendor: str) -> None:
    shape = SHAPES[vendor]
    assert mapping_problems(shape.columns, shape.form) == []
    export = read_export(shape.content, shape.columns, ExportFormat.model_validate(shape.form), now=NOW)
    assert export.not_started == []
    people = {row.person.employee_number: row.person for row in export.rows}
    assert {number: person.status for number, person in people.items()} == {
        shape.leaver: "leaving",
        shape.stays: "active",
        shape.left: "left",
    }
    cutoffs = {row.person.employee_number: row.cutoff for row in export.leaving}
    leaving = cutoffs[shape.leaver]
    assert leaving is not None and leaving.local.startswith("2026-11-30T")
    assert people[shape.leaver].manager_id == people[shape.stays].id
    assert people[shape.leaver].manager_email == people[shape.stays].email
    assert all(person.display_name and person.email and person.time_zone for person in people.values())
